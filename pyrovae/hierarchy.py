"""A deep hierarchy for images, of residual networks."""

from collections.abc import Sequence
from typing import Any

from torch import Size

from pyrovae.likelihoods import Likelihood
from pyrovae.models import ResidualNormalBlock, TopDownBlock, TopDownVAE
from pyrovae.nn import ResidualDecoder, ResidualEncoder
from pyrovae.nn.conv import halved, kernel_dimensions
from pyrovae.nn.network import as_size, check_layers
from pyrovae.nn.residual_blocks import WeightNorm, begin_small
from pyrovae.posteriors import NormalPosterior

__all__ = ["residual_hierarchy"]


def residual_hierarchy(
    likelihood: Likelihood,
    *,
    channels: Sequence[int],
    layers: Sequence[int],
    latent_channels: int = 8,
    blocks: int = 1,
    block: type[TopDownBlock] | type[ResidualNormalBlock] = ResidualNormalBlock,
    weight_norm: WeightNorm = "none",
    checkpointing: bool = False,
) -> TopDownVAE:
    """A `TopDownVAE` for images, whose layers stand at several resolutions.

    Each resolution has half the height and width of the one before, rounded up. The encoders are
    residual networks from one to the next; at each there are so many layers, whose latents are maps
    of that size. Priors, posteriors and the path are residual networks, too; each layer's part of
    the path begins small, so that many layers train from the start::

        path = (16, 28, 28)
        likelihood = BernoulliLikelihood(ResidualDecoder(path, (1, 28, 28), channels=(16,)))
        vae = residual_hierarchy(likelihood, channels=(16, 32, 64), layers=(2, 3, 3))

    Child, 2021, https://arxiv.org/abs/2011.10650; Vahdat and Kautz, 2020,
    https://arxiv.org/abs/2007.03898.

    Args:
        likelihood: p(x|h), of the path at the first resolution that has layers.
        channels: Channels of path and features at each resolution, from the image's size on.
        layers: Layers of latents at each resolution, likewise; 0 at the first ones leaves these to
            the likelihood's network.
        latent_channels: Channels of each latent.
        blocks: Residual blocks of each network at each resolution.
        block: The kind of blocks: how posteriors are given.
        weight_norm: How weights are normalised; see `ResidualEncoder`.
        checkpointing: Whether blocks are run again in the backward pass; see `ResidualEncoder`.

    Raises:
        ValueError: If a size does not fit, or the likelihood reads a path of another shape.
    """
    if likelihood.data_shape is None:
        raise ValueError("likelihood: expected one that declares the shape of its data")
    check_layers(channels, "channels")
    as_size(latent_channels, "latent_channels")
    first = next((level for level, n in enumerate(layers) if n), len(layers))
    if (
        len(layers) != len(channels)
        or not layers
        or min([*layers[first:], 0]) < 0
        or not (all(n >= 1 for n in layers[first:]) and first < len(layers))
    ):
        raise ValueError(
            "layers: expected a number for each of the channels, at least 1 from the first that is "
            f"not 0, got {list(layers)} and channels {list(channels)}"
        )
    sizes = halved(likelihood.data_shape[1:], len(channels) - 1)
    kernel_dimensions(likelihood.data_shape, "likelihood: data")
    shapes = [Size([c, *size]) for c, size in zip(channels, sizes, strict=True)]
    if likelihood.latent_shape != shapes[first]:
        raise ValueError(
            f"likelihood: expected one that reads the path {tuple(shapes[first])}, got one that "
            f"reads {likelihood.latent_shape}"
        )
    made = _Maker(
        block,
        latent_channels,
        sum(layers),
        {"blocks": blocks, "weight_norm": weight_norm, "checkpointing": checkpointing},
    )
    stack = []
    for level in range(first, len(layers)):
        above = shapes[level - 1] if level > first else None
        for layer in range(layers[level]):
            # The lowest layer of a resolution leads to the one above.
            stack.append(made.block(shapes[level], above if layer == 0 else None))
    encoders = [made.network(likelihood.data_shape, shapes[0], channels[:1])]
    for level in range(1, len(shapes)):
        pair = channels[level - 1 : level + 1]
        encoders.append(made.network(shapes[level - 1], shapes[level], pair))
    return TopDownVAE(stack, encoders, likelihood)


class _Maker:
    """Makes the parts, all with the same options."""

    def __init__(self, kind: Any, latents: int, layers: int, options: dict[str, Any]) -> None:
        self.kind, self.latents, self.layers, self.options = kind, latents, layers, options

    def network(self, read: Size, out: Size, channels: Sequence[int]) -> ResidualEncoder:
        return ResidualEncoder(read, out, channels=list(channels), **self.options)

    def block(self, path: Size, above: Size | None) -> Any:
        """A layer on a path of this shape, which goes on in the shape above it, if that is one."""
        width, *size = path
        numbers = Size([2 * self.latents, *size])
        prior = NormalPosterior(self.network(path, numbers, [width]))
        posterior: Any = self.network(Size([2 * width, *size]), numbers, [width])
        if self.kind is TopDownBlock:
            posterior = NormalPosterior(posterior)
        beside = Size([width + self.latents, *size])
        merge: Any
        if above is None:
            merge = self.network(beside, path, [width])
            begin_small(merge.last[-1], self.layers**-0.5)
        else:
            merge = ResidualDecoder(beside, above, channels=[width, above[0]], **self.options)
        return self.kind(prior, posterior, merge)
