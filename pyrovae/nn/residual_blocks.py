"""Building blocks of residual networks: blocks, attention, and changes of resolution."""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.utils.checkpoint import checkpoint

from pyrovae.nn.convolution import (
    WeightNorm,
    begin_small,
    convolution,
    group_norm,
    small_convolution,
)
from pyrovae.nn.network import Activation, activation_function

__all__ = [
    "BottleneckBlock",
    "Halve",
    "ResidualBlock",
    "SelfAttention",
    "WidenTo",
    "bottleneck",
    "in_turn",
]


class ResidualBlock(nn.Module):
    r"""Two convolutions, each after a normalisation, added to the input.

    .. math:: h' = h + W_2 \, a(n_2(W_1 \, a(n_1(h))))

    with group normalisations :math:`n` and an activation :math:`a`. The last convolution has small
    initial weights, so that a network of many blocks starts near the identity and trains from the
    beginning.

    He, Zhang, Ren and Sun, 2016, Identity mappings in deep residual networks,
    https://arxiv.org/abs/1603.05027; Wu and He, 2018, Group normalization,
    https://arxiv.org/abs/1803.08494; Child, 2021, https://arxiv.org/abs/2011.10650 (the scale of
    the last convolution).

    Args:
        channels: Number of channels of the input.
        dimensions: Number of dimensions of the kernels: 1, 2 or 3.
        activation: The nonlinearity.
        kernel: Size of the kernels; 1 where the resolution is one pixel.
        share: Factor for the initial weights of the last convolution.
        weight_norm: How weights are normalised. Spectral normalisation leaves out the last
            convolution, since it would undo the factor.
    """

    def __init__(
        self,
        channels: int,
        *,
        dimensions: int = 2,
        activation: Activation = "silu",
        kernel: int = 3,
        share: float = 1.0,
        weight_norm: WeightNorm = "none",
    ) -> None:
        super().__init__()
        first = convolution(dimensions, channels, channels, kernel, norm=weight_norm)
        last = small_convolution(dimensions, channels, channels, kernel, share, norm=weight_norm)
        self.branch = nn.Sequential(
            group_norm(channels),
            activation_function(activation),
            first,
            group_norm(channels),
            activation_function(activation),
            last,
        )

    def forward(self, h: Tensor) -> Tensor:
        """Maps ``(n, channels, ...)`` to the same shape."""
        return h + self.branch(h)


class BottleneckBlock(nn.Module):
    r"""The four convolutions of `bottleneck`, added to the input.

    .. math:: h' = h + W_4 \, a(W_3 \, a(W_2 \, a(W_1 \, a(n(h)))))

    With a quarter of the channels inside it takes a tenth of the operations of a `ResidualBlock`.

    He, Zhang, Ren and Sun, 2016, Deep residual learning for image recognition,
    https://arxiv.org/abs/1512.03385.

    Args:
        channels: Number of channels of the input.
        width: Number of channels of the narrower signal.
        options: As for `bottleneck`.
    """

    def __init__(self, channels: int, width: int, **options: Any) -> None:
        super().__init__()
        self.branch = bottleneck(channels, channels, width, **options)

    def forward(self, h: Tensor) -> Tensor:
        """Maps ``(n, channels, ...)`` to the same shape."""
        return h + self.branch(h)


def bottleneck(
    n_in: int,
    n_out: int,
    width: int,
    *,
    dimensions: int = 2,
    activation: Activation = "silu",
    kernel: int = 3,
    kernels: Sequence[int] = (1, 3, 3, 1),
    share: float = 1.0,
    weight_norm: WeightNorm = "none",
) -> nn.Sequential:
    """Returns convolutions in a row, by default four with the large kernels on few channels.

    A group normalisation comes first and an activation before each convolution. The first and the
    last lead to and from the narrower signal, by default with kernels of size 1; the last has small
    initial weights: Child, 2021, https://arxiv.org/abs/2011.10650.

    Args:
        n_in: Number of input channels.
        n_out: Number of output channels.
        width: Number of channels of the narrower signal.
        dimensions: Number of dimensions of the kernels: 1, 2 or 3.
        activation: The nonlinearity.
        kernels: Size of each kernel, at least two.
        kernel: The largest size; 1 where the resolution is one pixel.
        share: Factor for the initial weights of the last convolution.
        weight_norm: As for `ResidualBlock`.
    """
    *inner, last = (min(size, kernel) for size in kernels)
    layers = nn.Sequential(group_norm(n_in), activation_function(activation))
    for read, size in zip([n_in, *[width] * len(inner)], inner, strict=False):
        layer = convolution(dimensions, read, width, size, norm=weight_norm)
        layers.extend([layer, activation_function(activation)])
    layers.append(small_convolution(dimensions, width, n_out, last, share, norm=weight_norm))
    return layers


class SelfAttention(nn.Module):
    r"""Attention of each place to all places of its map, added to the input.

    .. math:: h' = h + W_o \, V \operatorname{softmax}(K^\top Q / \sqrt{C})^\top

    with queries, keys and values :math:`Q, K, V` linear in the normalised :math:`h`. Memory grows
    with the square of the number of places, so it is used at low resolutions.

    Vaswani et al., 2017, Attention is all you need, https://arxiv.org/abs/1706.03762; Zhang et
    al., 2019, Self-attention generative adversarial networks, https://arxiv.org/abs/1805.08318.

    Args:
        channels: Number of channels of the input.
        dimensions: Number of dimensions of its map: 1, 2 or 3.
        share: Factor for the initial weights of the last convolution.
    """

    def __init__(self, channels: int, *, dimensions: int = 2, share: float = 1.0) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.read = convolution(dimensions, channels, 3 * channels, 1)
        self.last = convolution(dimensions, channels, channels, 1)
        begin_small(self.last, share)

    def forward(self, h: Tensor) -> Tensor:
        """Maps ``(n, channels, ...)`` to the same shape."""
        q, k, v = self.read(self.norm(h)).flatten(2).chunk(3, dim=1)
        weights = (q.mT @ k / h.shape[1] ** 0.5).softmax(-1)
        found = v @ weights.mT
        return h + self.last(found.reshape(h.shape))


class Halve(nn.Module):
    """A convolution of stride 2, which halves each size, rounding up.

    Args:
        n_in: Number of input channels.
        n_out: Number of output channels.
        dimensions: Number of dimensions of the map.
        weight_norm: How weights are normalised.
    """

    def __init__(
        self, n_in: int, n_out: int, *, dimensions: int, weight_norm: WeightNorm = "none"
    ) -> None:
        super().__init__()
        self.layer = convolution(dimensions, n_in, n_out, 3, stride=2, norm=weight_norm)

    def forward(self, h: Tensor) -> Tensor:
        """Maps ``(n, n_in, ...)`` to ``(n, n_out, ...)``."""
        return self.layer(h)


class WidenTo(nn.Module):
    """Nearest-neighbour upsampling to a larger map, followed by a convolution.

    Unlike a transposed convolution, it causes no checkerboard artefacts: Odena, Dumoulin and Olah,
    2016, https://doi.org/10.23915/distill.00003.

    Args:
        n_in: Number of input channels.
        n_out: Number of output channels.
        size: Size of the larger map.
        weight_norm: How weights are normalised.
    """

    def __init__(
        self, n_in: int, n_out: int, *, size: Sequence[int], weight_norm: WeightNorm = "none"
    ) -> None:
        super().__init__()
        self.size = tuple(size)
        self.layer = convolution(len(self.size), n_in, n_out, 3, norm=weight_norm)

    def forward(self, h: Tensor) -> Tensor:
        """Maps ``(n, n_in, ...)`` to ``(n, n_out, *size)``."""
        return self.layer(interpolate(h, size=self.size))


def in_turn(layers: Iterable[nn.Module], h: Tensor, *, checkpointing: bool) -> Tensor:
    """Runs layers one after another, with checkpointing if asked for.

    Args:
        layers: The layers.
        h: The input of the first layer.
        checkpointing: Whether to keep only the layers' inputs and to recompute the rest in the
            backward pass. The layers draw no random numbers.
    """
    for layer in layers:
        if checkpointing and h.requires_grad:
            h = checkpoint(layer, h, use_reentrant=False, preserve_rng_state=False)
        else:
            h = layer(h)
    return h
