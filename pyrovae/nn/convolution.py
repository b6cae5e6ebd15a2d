"""Convolutions whose weights may be normalised, and the normalisation of what they make."""

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
LEAST = 4  # channels of a group: fewer, at a resolution of one pixel, would be their own mean


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with up to 8 groups, of at least 4 channels where there are so many."""
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
    r"""A convolution whose kernel is of odd size, over 1, 2 or 3 dimensions.

    Args:
        dimensions: In how many the kernel moves.
        n_in: Channels that it reads.
        n_out: Channels that it makes.
        size: Of the kernel.
        stride: Of its steps.
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
    """Multiplies a convolution's first weights, and sets its biases to zero."""
    nn.init.zeros_(layer.bias)
    layer.weight.data.mul_(share)


def small_convolution(
    dimensions: int, n_in: int, n_out: int, size: int, share: float, *, norm: WeightNorm
) -> Any:
    """A convolution that begins small, as the last of a branch.

    Args:
        dimensions: In how many the kernel moves.
        n_in: Channels that it reads.
        n_out: Channels that it makes.
        size: Of the kernel.
        share: By what its first weights are multiplied; its biases begin at zero.
        norm: As for `convolution`; the spectral one is left out, with which it could not begin small.
    """
    layer = convolution(dimensions, n_in, n_out, size)
    begin_small(layer, share)
    return weight_norm(layer) if norm == "weight" else layer


def check_checkpointing(checkpointing: bool, norm: WeightNorm) -> None:
    """Refuses to run layers again in the backward pass whose weights a run moves.

    Raises:
        ValueError: If weights are spectrally normalised.
    """
    if checkpointing and norm == "spectral":
        raise ValueError(
            "checkpointing: expected other weights than spectrally normalised ones, whose "
            "estimate a second run would move"
        )
