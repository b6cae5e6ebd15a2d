"""Log-probabilities of draws from the guide, for each datum, in constant memory."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import ceil
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pyrovae.compilation import (
    AutoCompiled,
    Batch,
    CapturedFunction,
    Compile,
    CompiledFunction,
    Keeping,
    capture_calls,
    half_twice,
)
from pyrovae.evaluation.pace import Pace
from pyrovae.handlers import check_taken, data_weight, is_latent, plate_scale, unweighed
from pyrovae.objectives import ELBO, log_weights
from pyrovae.programs import Program

__all__ = ["Draws", "Sampler", "latent_names", "observed_sites"]


class Draws(NamedTuple):
    r"""The log-probabilities of some draws from the guide for a batch, in nats.

    Attributes:
        log_weights: :math:`\log p(x, z_s) - \log q(z_s \mid x)`, ``(S, B)``.
        reconstruction: :math:`\log p(x \mid z_s)`, ``(S, B)``.
        kls: :math:`\log q(z_{l,s} \mid \cdot) - \log p(z_{l,s} \mid \cdot)` of each latent site
            :math:`l`, in the order of `latent_names`, ``(S, B, L)``. Their sum over the sites is
            ``reconstruction - log_weights``.
        weight: The weight of each datum, ``(S, B)``: 1, unless data have weights.
    """

    log_weights: Tensor
    reconstruction: Tensor
    kls: Tensor
    weight: Tensor


class Sampler:
    """Draws from the guide for batches, as many draws at a time as fit into memory.

    Args:
        model: The program and its guide.
        samples: Number of draws S for each datum.
        rows: Number of draws times data in one run of the model.
        data: Total number of data in all batches.
        compile: Whether a run is compiled; see `AutoCompiled`.

    Raises:
        ValueError: If ``samples`` is not positive.
    """

    def __init__(
        self, model: Program, samples: int, *, rows: int, data: int = 0, compile: Compile = False
    ) -> None:
        if samples < 1:
            raise ValueError(f"samples: expected at least 1, got {samples}")
        self.model = model
        self.samples = samples
        self.rows = rows
        self._data, self._compile = data, compile
        self._run: AutoCompiled[list[Tensor]] | None = None
        self._size = 0

    def __call__(self, batch: Batch) -> Iterator[Draws]:
        """Yields draws for a batch, whose first dimensions add up to ``samples``.

        Raises:
            ValueError: If the program has a global latent, or does not accept the batch.
        """
        check_taken(self.model.model, batch)
        runs = ceil(self.samples / max(1, self.rows // len(batch[0])))
        # The same number in each run, so that one compiled program serves them all.
        particles = ceil(self.samples / runs)
        if self._run is None:
            self._size = len(batch[0])
            self._run = self._runner(particles, runs)
            batches = ceil(self._data / self._size)
            self._pace = Pace(
                f"{self.samples} draws for each of {self._data} data", batches * runs
            )
        run = self._run if len(batch[0]) == self._size else partial(self._eager, particles, ())
        yield from self._pace(self._draws(run, particles, batch))

    def _draws(
        self, run: Callable[[Batch], list[Tensor]], particles: int, batch: Batch
    ) -> Iterator[Draws]:
        for start in range(0, self.samples, particles):
            missing = self.samples - start
            # Copies, since the next run of a captured CUDA graph overwrites its outputs.
            yield Draws(*(value[:missing].clone() for value in run(batch)))

    def _runner(self, particles: int, runs: int) -> AutoCompiled[list[Tensor]]:
        function = partial(self._eager, particles)

        model: Any = self.model  # a model that is not an nn.Module is refused there

        def compiled(batch: Batch) -> CompiledFunction | CapturedFunction:
            made = CompiledFunction(
                model,
                function,
                batch,
                half_twice(batch),
                names=Draws._fields,
                # A widened guide lives for one call; its programs are kept with the model itself.
                keeping=Keeping(getattr(model, "keeps_programs", model), ("draws", particles)),
            )
            return capture_calls(made, batch)

        data = self._data * runs
        return AutoCompiled(
            partial(function, ()), compiled, mode=self._compile, data=data, what="evaluation"
        )

    @torch.no_grad()
    def _eager(self, particles: int, leaves: Sequence[Tensor], batch: Batch) -> list[Tensor]:
        elbo = ELBO(num_particles=particles)
        traces = elbo.traces(self.model.model, self.model.guide, batch, {})
        weights = log_weights(*traces, num_particles=particles)
        shape = weights.values.shape
        observed = observed_sites(traces[0])
        plate = next(map(plate_scale, observed.values()), 1.0)
        total = sum(map(unweighed, observed.values()))
        reconstruction = torch.as_tensor(total / plate).expand(shape)
        weight = next((w for s in observed.values() if (w := data_weight(s)) is not None), None)
        kls = weights.values.new_empty(*shape, 0)
        latents = [_kl(name, *traces) / plate for name in latent_names(*traces)]
        if latents:
            kls = torch.stack([kl.expand(shape) for kl in latents], dim=-1)
        ones = torch.ones_like(weights.values)
        return [weights.values, reconstruction, kls, ones if weight is None else ones * weight]


def observed_sites(model_trace: Any) -> dict[str, Any]:
    """The data's sites in a model's trace, by name."""
    return {
        name: site
        for name, site in model_trace.nodes.items()
        if site["type"] == "sample" and site["is_observed"]
    }


def latent_names(model_trace: Any, guide_trace: Any) -> tuple[str, ...]:
    """The latents of a guide in the order in which it draws them, then those of the model only."""
    nodes = [*guide_trace.nodes.items(), *model_trace.nodes.items()]
    return tuple(dict.fromkeys(name for name, site in nodes if is_latent(site)))


def _kl(name: str, model_trace: Any, guide_trace: Any) -> Tensor:
    """A latent's contribution to the sampled KL divergence, log q - log p."""
    total: Any = 0.0
    for sign, trace in ((1, guide_trace), (-1, model_trace)):
        if name in trace.nodes:
            total = total + sign * unweighed(trace.nodes[name])
    return torch.as_tensor(total)
