"""A deep hierarchy of maps at several resolutions."""

from collections.abc import Sequence
from typing import Any

from torch import Size

from pyrovae.hierarchy.layers import Heads, LayerMaker, Posteriors
from pyrovae.likelihoods import Likelihood
from pyrovae.models import TopDownVAE
from pyrovae.nn import ResidualEncoder
from pyrovae.nn.conv import halved
from pyrovae.nn.convolution import WeightNorm
from pyrovae.nn.network import as_size, check_layers
from pyrovae.nn.squares import check_patch

__all__ = ["DeepHierarchicalVAE"]


class DeepHierarchicalVAE(TopDownVAE):
    r"""A `TopDownVAE` for images, whose layers stand at several resolutions.

    .. math:: p(x, z) = \prod_{l=L}^{1} p(z_l \mid h_l) \; p(x \mid h_0), \qquad
        h_{l-1} = f_l(h_l, z_l)

    Each resolution has half the height and width of the one before, rounded up. The encoders are
    residual networks from one to the next; at each there are so many layers, whose latents are maps
    of that size. Priors, posteriors and the path are residual networks, too, or with ``bottleneck``
    a `Bottleneck` each; each layer's part of the path begins small, so that many layers train from
    the start::

        path = (16, 28, 28)
        likelihood = BernoulliLikelihood(ResidualDecoder(path, (1, 28, 28), channels=(16,)))
        vae = DeepHierarchicalVAE(likelihood, channels=(16, 32, 64), layers=(2, 3, 3))

    Child, 2021, https://arxiv.org/abs/2011.10650; Vahdat and Kautz, 2020,
    https://arxiv.org/abs/2007.03898.

    Args:
        likelihood: p(x|h), of the path at the first resolution that has layers.
        channels: Channels of path and features at each resolution, from the image's size on.
        layers: Layers of latents at each resolution, likewise; 0 at the first ones leaves these to
            the first encoder and the likelihood's network.
        latent_features: Channels of each latent.
        blocks: Residual blocks of each network at each resolution.
        bottleneck: By what the channels are divided within a block. From 2 on, with a single block
            for each network of a layer, a hierarchy takes a small part of the time: many layers on
            a small machine.
        heads: Whether the networks of priors and posteriors read maps as the path's do (``"maps"``),
            or each place by itself, in which case the path's update has two convolutions
            (``"places"``): the fewest operations for each layer. With ``"places"``, ``blocks`` and
            ``bottleneck`` only concern the networks between the data and resolutions.
        patch: Length of a side of the squares of pixels that are one place of the first
            resolution; see `ResidualEncoder`.
        posteriors: How a layer's posterior is given: ``"relative"`` by its difference from the prior
            (`ResidualNormalBlock`), ``"free"`` on its own (`TopDownBlock`).
        weight_norm: How weights are normalised, and in which layers they are not (those that
            begin small or come last); see `ResidualEncoder`.
        checkpointing: Whether blocks are run again in the backward pass; see `ResidualEncoder`.

    Raises:
        ValueError: If a size does not fit, or the likelihood reads a path of another shape.
    """

    def __init__(
        self,
        likelihood: Likelihood,
        *,
        channels: Sequence[int] = (16, 32),
        layers: Sequence[int] = (2, 2),
        latent_features: int = 8,
        blocks: int = 1,
        bottleneck: int = 1,
        heads: Heads = "maps",
        patch: int = 1,
        posteriors: Posteriors = "relative",
        weight_norm: WeightNorm = "none",
        checkpointing: bool = False,
    ) -> None:
        data_shape = likelihood.data_shape
        if data_shape is None:
            raise ValueError("likelihood: expected one that declares its data_shape")
        as_size(latent_features, "latent_features")
        first, shapes = _path(data_shape, channels, layers, patch)
        if likelihood.latent_shape != shapes[first]:
            raise ValueError(
                f"likelihood: expected one that reads the path {tuple(shapes[first])}, got one that "
                f"reads {likelihood.latent_shape}"
            )
        made = LayerMaker(
            posteriors,
            latent_features,
            sum(layers),
            blocks,
            as_size(bottleneck, "bottleneck").numel(),
            heads,
            {"weight_norm": weight_norm, "checkpointing": checkpointing},
        )
        stack = []
        for level in range(first, len(layers)):
            above = shapes[level - 1] if level > first else None
            for layer in range(layers[level]):
                # The lowest layer of a resolution leads to the one above.
                stack.append(made.block(shapes[level], above if layer == 0 else None))
        encoders = [
            made.network(
                ResidualEncoder, data_shape, shapes[first], channels[: first + 1], patch=patch
            )
        ]
        for level in range(first + 1, len(shapes)):
            pair = channels[level - 1 : level + 1]
            encoders.append(made.network(ResidualEncoder, shapes[level - 1], shapes[level], pair))
        super().__init__(stack, encoders, likelihood)

    @classmethod
    def decoder_shape(
        cls,
        latent_shape: Size,
        data_shape: Size,
        *,
        channels: Sequence[int] = (16, 32),
        layers: Sequence[int] = (2, 2),
        patch: int = 1,
        **options: Any,
    ) -> Size:
        """The path at the first resolution that has layers."""
        first, shapes = _path(data_shape, channels, layers, patch)
        return shapes[first]


def _path(
    data_shape: Size, channels: Sequence[int], layers: Sequence[int], patch: int
) -> tuple[int, list[Size]]:
    """The first resolution that has layers, and the path's shape at each."""
    check_layers(channels, "channels")
    first = next((level for level, n in enumerate(layers) if n), len(layers))
    if (
        len(layers) != len(channels)
        or not layers
        or min([*layers[first:], 0]) < 0
        or not (all(n >= 1 for n in layers[first:]) and first < len(layers))
    ):
        raise ValueError(
            "layers: expected a number for each of the channels, at least 1 after leading zeros, "
            f"got {list(layers)} and channels {list(channels)}"
        )
    if len(data_shape) != 3:
        raise ValueError(
            "likelihood: expected one of images (channels, height, width), got one of data "
            f"{tuple(data_shape)}"
        )
    sizes = halved(check_patch(data_shape, patch, "a datum"), len(channels) - 1)
    return first, [Size([c, *size]) for c, size in zip(channels, sizes, strict=True)]
