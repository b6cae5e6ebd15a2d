"""What grows, and what stays as it is meanwhile."""

from typing import NamedTuple

__all__ = ["AXES", "Size", "of"]


class Size(NamedTuple):
    """A VAE of two MLPs under a Bernoulli likelihood, and its data.

    Attributes:
        features: Values in a datum.
        latents: Latent variables.
        layers: Hidden layers of 100 units, in the encoder and in the decoder.
        particles: Draws for each datum, in a step and in the estimate of log p(x).
        data: Data that are trained on.
        batch: Data in a step.
        scored: Data that log p(x) is estimated of.
    """

    features: int = 1000
    latents: int = 10
    layers: int = 1
    particles: int = 1
    data: int = 2000
    batch: int = 50
    scored: int = 200


AXES: dict[str, tuple[int, ...]] = {
    "features": (100, 1000, 10_000, 100_000),
    "latents": (2, 16, 128, 1024),
    "layers": (1, 4, 16, 64),
    "particles": (1, 10, 100, 1000),
    "data": (1000, 10_000, 100_000, 1_000_000, 10_000_000),
}


def of(axis: str, value: int) -> Size:
    """The size in which one thing has a value, and the others have theirs."""
    size = Size()
    if axis == "data":
        # Ten million of the others' data would be 40 GB.
        size = Size(features=16)
    if axis == "particles":
        size = Size(features=100)
    return size._replace(**{axis: value})
