"""Binarization protocols: how grey levels become zeros and ones.

Numbers obtained under different protocols differ by nats, so a protocol has a name, belongs to
the data and is reported with them.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

__all__ = ["Binarization", "binarize", "check_protocol", "check_unit_interval", "draw_bits"]

Binarization = Literal["none", "threshold", "static", "dynamic"]


def binarize(
    x: Tensor, protocol: Binarization, *, generator: torch.Generator | None = None
) -> Tensor:
    """Turns grey levels into zeros and ones.

    ``static`` and ``dynamic`` both draw each value from a Bernoulli with the grey level as its
    mean. They differ in when this is called: once for all, or each time that an image is drawn.

    Args:
        x: Grey levels in [0, 1], floating, of any shape.
        protocol: ``none`` returns ``x`` itself, ``threshold`` gives ``x > 0.5``, ``static`` and
            ``dynamic`` draw.
        generator: The source of the draws, on the device of ``x``; that device's global one if
            left out.

    Returns:
        Zeros and ones, with the shape, type and device of ``x``.

    Raises:
        ValueError: If the protocol is unknown or, unless it is ``none``, if ``x`` is not
            floating or has values outside [0, 1].
    """
    check_protocol(protocol)
    if protocol == "none":
        return x
    check_unit_interval(x, protocol)
    if protocol == "threshold":
        return (x > 0.5).to(x.dtype)
    return draw_bits(x, generator=generator)


def draw_bits(x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Draws from a Bernoulli with mean ``x``, unchecked: checking costs a synchronisation.

    Zeros and ones are left as they are, so drawing twice is drawing once. On the CPU the means
    are rounded to 16 bits, an error of at most 1/131072: torch's generator is slow there, and
    each of its 64-bit integers then serves four values.

    Args:
        x: Means in [0, 1], floating, of any shape.
        generator: The source of the draws, on the device of ``x``.
    """
    # torch.bernoulli takes its CPU stream from MKL where there is one; these do not, so that a
    # seed means the same static data on another machine.
    if x.device.type != "cpu":
        u = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        return (u < x).to(x.dtype)
    words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device="cpu")
    words.random_(-(2**63), None, generator=generator)
    levels = words.view(torch.int16)[: x.numel()].view(x.shape)
    means = x.detach().to(torch.promote_types(x.dtype, torch.float32))
    # In place: new memory for each operation would cost as long as the arithmetic.
    return (65536 * means).sub_(32768).round_().gt_(levels).to(x.dtype)


def check_protocol(protocol: str) -> None:
    """Raises a ValueError unless ``protocol`` is one of the four."""
    if protocol not in get_args(Binarization):
        expected = ", ".join(get_args(Binarization))
        raise ValueError(f"expected binarization to be one of {expected}, got {protocol!r}")


def check_unit_interval(x: Tensor, protocol: str) -> None:
    """Raises a ValueError unless ``x`` is floating with all values in [0, 1]."""
    if not x.is_floating_point():
        raise ValueError(
            f"binarization {protocol!r} needs floating values in [0, 1], got {x.dtype}"
        )
    if x.numel() == 0:
        return
    low, high = x.min().item(), x.max().item()
    if not (low >= 0 and high <= 1):  # written so that NaN fails too
        raise ValueError(
            f"binarization {protocol!r} needs values in [0, 1], got values from {low:g} to {high:g}"
        )
