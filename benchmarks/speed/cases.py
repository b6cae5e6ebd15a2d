"""What is measured: networks, batches, bounds."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["ALL_SETTINGS", "Case", "Device", "all_cases", "groups"]

Setting = Literal["a", "b", "c", "d", "e", "f"]
Device = Literal["cpu", "cuda"]
ALL_SETTINGS = "abcdef"


@dataclass(frozen=True)
class Case:
    """One model, one kind of data, one batch size.

    Attributes:
        setting: The setting it belongs to.
        hidden: Hidden units of the encoder, from the data on; the decoder mirrors them. Of a
            convolutional network the channels.
        dense: Units of the dense layer after the convolutions; of another network 0.
        blocks: Residual blocks at each resolution of a residual network; of another one 0.
        side: Height and width of the images.
        latents: Number of latent variables.
        activation: The nonlinearity, everywhere.
        binarization: Grey levels as they are, zeros and ones drawn beforehand, or drawn anew
            each time that an image is.
        batch: Images in one step.
        steps: Steps in one epoch, the unit of measuring.
        images: Images to train on; of importance sampling, to evaluate.
        particles: K of the importance-weighted bound; 0 is the ELBO with one draw.
        samples: S of importance sampling; 0 where the case is about training.
        target: Test ELBO to train to; None where the time of a step is measured.
    """

    setting: Setting
    hidden: tuple[int, ...] = (400,)
    dense: int = 0
    blocks: int = 0
    side: int = 28
    latents: int = 20
    activation: Literal["softplus", "tanh", "relu", "silu"] = "softplus"
    binarization: Literal["none", "static", "dynamic"] = "static"
    batch: int = 128
    steps: int = 100
    images: int = 12800
    particles: int = 0
    samples: int = 0
    target: float | None = None

    @property
    def pixels(self) -> int:
        """Numbers in one image."""
        return self.side**2

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image as the networks of pyrovae read it."""
        return (1, self.side, self.side) if self.dense or self.blocks else (self.pixels,)

    @property
    def name(self) -> str:
        """What distinguishes it from the others of its setting."""
        if self.samples:
            return f"S = {self.samples}, {self.images} images"
        if self.target is not None:
            return f"to a test ELBO of {self.target:g}"
        if self.particles:
            return f"K = {self.particles}, batch {self.batch}"
        if self.dense:
            return f"convolutions, batch {self.batch}"
        if self.blocks:
            return f"residual, {self.side} x {self.side}, batch {self.batch}"
        drawn = "binarized at each draw" if self.binarization == "dynamic" else "binarized before"
        return f"batch {self.batch}, {drawn}"

    @property
    def network(self) -> str:
        """The network in words."""
        layers = "-".join(map(str, self.hidden))
        if self.dense or self.blocks:
            return f"channels {layers}, {self.latents} latents, {self.activation}"
        return f"784-{layers}-{self.latents} {self.activation}"


# Steps such that an epoch of a fast contender takes some half a second on two cores.
_STEPS = {16: 192, 128: 96, 512: 40}
_PARTICLE_STEPS = {1: 192, 5: 128, 50: 32}
# Batch sizes of (a), (b) and (c), and steps of the residual network by batch size.
_BATCHES: dict[Device, tuple[int, ...]] = {"cpu": (16, 128, 512), "cuda": (128, 512, 2048, 8192)}
_PARTICLE_BATCHES: dict[Device, tuple[int, ...]] = {"cpu": (20,), "cuda": (20, 512)}
_CONVOLVED: dict[Device, tuple[int, ...]] = {"cpu": (128,), "cuda": (128, 512)}
_RESIDUAL: dict[Device, dict[int, int]] = {"cpu": {16: 4}, "cuda": {128: 32, 512: 16}}


def all_cases(
    settings: Collection[str] = ALL_SETTINGS,
    batches: Collection[int] | None = None,
    *,
    device: Device = "cpu",
    quick: bool = False,
) -> list[Case]:
    """The cases of some settings.

    Args:
        settings: Letters from "abcdef".
        batches: Batch sizes of setting (a); those that suit the device, if left out.
        device: Where they run.
        quick: Makes all of it tiny, to see that it runs.

    Raises:
        ValueError: If there is no such setting.
    """
    unknown = sorted(set(settings) - set(ALL_SETTINGS))
    if unknown:
        raise ValueError(f"settings: expected letters among {ALL_SETTINGS!r}, got {unknown}")
    cases = [
        Case("a", binarization=drawn, batch=n, steps=steps, images=n * steps)
        for n in batches or _BATCHES[device]
        for steps in [_steps(n, _STEPS.get(n, max(20, 12800 // n)), device)]
        for drawn in ("static", "dynamic")
    ]
    cases += [
        Case(
            "b",
            hidden=(200, 200),
            latents=50,
            activation="tanh",
            batch=n,
            steps=steps,
            images=n * steps,
            particles=particles,
        )
        for n in _PARTICLE_BATCHES[device]
        for particles, most in _PARTICLE_STEPS.items()
        for steps in [_steps(n, most, device)]
    ]
    cases += [
        Case(
            "c",
            hidden=(32, 64),
            dense=16,
            activation="relu",
            batch=n,
            steps=16,
            images=16 * n,
        )
        for n in _CONVOLVED[device]
    ]
    # Half an epoch of 59,904 of the 60,000 images: every batch is full, for every contender.
    cases.append(Case("d", binarization="none", steps=234, images=468 * 128, target=-105.0))
    cases.append(Case("e", images=1000, samples=1000))
    cases += [
        Case(
            "f",
            hidden=(32, 64, 128),
            blocks=1,
            side=64,
            latents=64,
            activation="silu",
            batch=n,
            steps=steps,
            images=n * steps,
        )
        for n, steps in _RESIDUAL[device].items()
    ]
    cases = [case for case in cases if case.setting in settings]
    return [_tiny(case) for case in cases] if quick else cases


def _steps(batch: int, on_cpu: int, device: Device) -> int:
    """Steps in one epoch of (a) or (b): on a GPU, where they are short, up to a pass over MNIST."""
    return on_cpu if device == "cpu" else min(500, 60_000 // batch)


def groups(channels: int) -> int:
    """Groups of a residual network's normalisation: up to 8, of at least 4 channels each."""
    return next(n for n in (8, 4, 2, 1) if n == 1 or (channels % n == 0 and channels // n >= 4))


def _tiny(case: Case) -> Case:
    """The same on networks, data and numbers of draws that take no time."""
    hidden = tuple(8 for _ in case.hidden)
    batch = min(case.batch, 16)
    images = 4 if case.samples else 8 * batch if case.target else 4 * batch
    side = 16 if case.blocks else case.side
    return replace(
        case,
        hidden=hidden,
        dense=min(case.dense, 4),
        side=side,
        latents=2,
        batch=batch,
        steps=4,
        images=images,
        samples=min(case.samples, 20),
        target=None if case.target is None else -400.0,
    )
