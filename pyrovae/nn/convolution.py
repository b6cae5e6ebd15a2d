"""Convolutions with optional weight normalisation, and group normalisation of their outputs."""

from math import gcd
from typing import Any, Literal, get_args

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

__all__ = [
    "WeightNorm",
    "begin_small",
    "check_checkpointing",
    "convolution",
    "group_norm",
    "small_convolution",
]

WeightNorm = Literal["none", "weight", "spectral"]

CONV: dict[int, type[nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
GROUPS = 8
LEAST = 4  # channels per group; at one pixel, a group of very few is little more than its mean


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with up to 8 groups of at least 4 channels, if there are as many."""
    groups = gcd(channels, GROUPS)
    while groups > 1 and channels // groups < LEAST:
        groups //= 2
    return nn.GroupNorm(groups, channels)


def convolution(
    dimensions: int,
    n_in: int,
    n_out: int,
    size: int,
    *,
    stride: int = 1,
    norm: WeightNorm = "none",
) -> Any:
    r"""Makes a convolution with a kernel of odd size over 1, 2 or 3 dimensions.

    Args:
        dimensions: Number of dimensions of the kernel.
        n_in: Number of input channels.
        n_out: Number of output channels.
        size: Size of the kernel.
        stride: Stride of the kernel.
        norm: ``"weight"`` for :math:`w = g \, v / \lVert v \rVert`, with :math:`g` and :math:`v`
            learned (Salimans and Kingma, 2016, https://arxiv.org/abs/1602.07868), ``"spectral"``
            for :math:`w / \sigma(w)` with the largest singular value (Miyato et al., 2018,
            https://arxiv.org/abs/1802.05957).

    Raises:
        ValueError: If there is no such normalisation.
    """
    if norm not in get_args(WeightNorm):
        raise ValueError(
            f"weight_norm: expected one of {', '.join(get_args(WeightNorm))}, got {norm!r}"
        )
    layer = CONV[dimensions](n_in, n_out, size, stride=stride, padding=size // 2)
    if norm == "weight":
        return weight_norm(layer)
    return spectral_norm(layer) if norm == "spectral" else layer


def begin_small(layer: Any, share: float) -> None:
    """Multiplies a convolution's initial weights by a factor, and sets its biases to zero."""
    nn.init.zeros_(layer.bias)
    layer.weight.data.mul_(share)


def small_convolution(
    dimensions: int, n_in: int, n_out: int, size: int, share: float, *, norm: WeightNorm
) -> Any:
    """Makes a convolution with small initial weights, as the last one of a branch.

    Args:
        dimensions: Number of dimensions of the kernel.
        n_in: Number of input channels.
        n_out: Number of output channels.
        size: Size of the kernel.
        share: Factor for the initial weights; the biases start at zero.
        norm: As for `convolution`; spectral normalisation is left out, since it would undo the
            factor.
    """
    layer = convolution(dimensions, n_in, n_out, size)
    begin_small(layer, share)
    return weight_norm(layer) if norm == "weight" else layer


def check_checkpointing(checkpointing: bool, norm: WeightNorm) -> None:
    """Refuses to recompute layers in the backward pass if running them changes their weights.

    Raises:
        ValueError: If weights are spectrally normalised.
    """
    if checkpointing and norm == "spectral":
        raise ValueError(
            "checkpointing: not possible with weight_norm='spectral', because recomputing a "
            "block would update the estimated norm a second time"
        )
