"""What counts as data: the scale, the values and the layout of numbers."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from pyrovae.checks import whereabouts
from pyrovae.datasets.tensors import as_tensor

__all__ = ["Bytes", "as_images", "check_values", "read_batch", "to_dtype", "to_float"]

CHANNELS = (1, 3, 4)
# What networks and distributions calculate with.
FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def to_float(x: Tensor, *, counts: bool = False) -> Tensor:
    """Gives ``x`` as floating numbers; 8-bit pixels become grey levels in [0, 1].

    Args:
        x: Floating (left as it is), uint8 (divided by 255), bool (zeros and ones) or of other
            integers (counts, which keep their values).
        counts: Whether 8-bit values are counts, too.
    """
    if x.dtype in FLOATING:
        return x
    floating = x.to(torch.get_default_dtype())
    return floating.div_(255) if x.dtype == torch.uint8 and not counts else floating


def check_values(x: Tensor) -> None:
    """Checks all the data of a set at once.

    Args:
        x: Data of shape ``(N, *event)``.

    Raises:
        ValueError: If there is no batch or no event dimension, no datum or no value, a NaN or
            an infinite value, or 8-bit values that are zeros and ones only (divided by 255 they
            would all be black).
    """
    if not isinstance(x, Tensor):
        raise ValueError(f"expected x in a tensor, got {x!r:.60}")
    check_shape(x)
    if x.is_floating_point():
        check_finite(x)
    seen = Bytes()
    seen.look(x)
    seen.check()


def check_shape(x: Tensor) -> None:
    """Raises a ValueError unless there are data, each of at least one value."""
    if x.dim() < 2:
        advice = ": use x.unsqueeze(1) if each datum is one number" if x.dim() == 1 else ""
        raise ValueError(
            f"expected x of shape (N, features) or (N, channels, height, width), got "
            f"{tuple(x.shape)}{advice}"
        )
    if x.numel() == 0:
        raise ValueError(f"expected at least one datum and one value, got shape {tuple(x.shape)}")


def check_finite(x: Tensor) -> None:
    """Raises a ValueError if one of at least one floating numbers is not finite."""
    x = x if x.dtype in FLOATING else to_float(x)
    if not all(end.isfinite() for end in x.aminmax()):  # no mask of the data's size
        raise ValueError(
            f"expected finite values, got {int(x.isnan().sum())} NaN and {int(x.isinf().sum())} "
            f"infinite: {whereabouts(~x.isfinite())}"
        )


class Bytes:
    """Whether 8-bit values, which may come a part at a time, are more than zeros and ones.

    As grey levels, zeros and ones would all be black.
    """

    def __init__(self) -> None:
        self._largest: int | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing that is still to come can be wrong."""
        return self._largest is not None and self._largest > 1

    def look(self, x: Tensor) -> None:
        """Takes note of a part of the data, of any type."""
        if x.dtype != torch.uint8:
            self._largest = 255
        elif x.numel() and not self.settled:
            self._largest = max(int(x.max()), self._largest or 0)

    def check(self) -> None:
        """Raises a ValueError if there are ones among the values seen, and nothing greater."""
        if self._largest == 1:
            raise ValueError(
                "expected 8-bit values from 0 to 255, got only zeros and ones: pass binary data "
                "as bool or float"
            )


def read_batch(x: Any, *, counts: bool = False) -> Tensor:
    """Reads one batch of data as a set of data is read for training.

    Args:
        x: A tensor or NumPy array, ``(n, *event)``, of floating numbers, 8-bit values (divided by
            255), booleans or other integers.
        counts: Whether 8-bit values are counts.

    Returns:
        Floating numbers in the shape of ``x``.

    Raises:
        ValueError: If it is something else, has no batch dimension or no datum, or is of 8-bit
            values that are zeros and ones only.
    """
    try:
        x = as_tensor(x)
    except ValueError as error:
        raise ValueError(f"{error} (pyrovae.evaluation.encode takes any source of data)") from None
    if x.dim() < 1 or not len(x):
        raise ValueError(f"expected data of shape (n, ...) with n >= 1, got {tuple(x.shape)}")
    if not counts:
        seen = Bytes()
        seen.look(x)
        seen.check()
    return to_float(x, counts=counts)


def to_dtype(batch: Iterable[Tensor], dtype: torch.dtype | None) -> tuple[Tensor, ...]:
    """Gives the floating tensors of a batch the type that a model calculates in.

    Args:
        batch: Tensors of any type. Integers (labels) and bool (masks) stay as they are.
        dtype: A floating type; with ``None`` everything stays.
    """
    return tuple(
        value if dtype is None or not value.is_floating_point() else value.to(dtype)
        for value in batch
    )


def as_images(x: Tensor, *, signals: bool = False) -> Tensor:
    """Gives data their natural shape, with channels first.

    Args:
        x: ``(N, F)`` features and ``(N, C, H, W)`` images stay as they are; ``(N, H, W)`` gets a
            channel axis; ``(N, H, W, C)`` with 1, 3 or 4 channels is moved to channels first,
            unless axis 1 could be the channels too.
        signals: Whether three axes are ``(N, channels, length)``, which stay as they are.

    Raises:
        ValueError: If ``x`` has fewer than 2 or more than 4 axes.
    """
    if not 2 <= x.dim() <= 4:
        raise ValueError(
            f"expected an array with 2 axes (N, features), 3 or 4 (images), got shape {tuple(x.shape)}"
        )
    if x.dim() == 3 and signals:
        return x
    if x.dim() == 3:
        return x.unsqueeze(1)
    if x.dim() == 4 and x.shape[-1] in CHANNELS and x.shape[1] not in CHANNELS:
        return x.movedim(-1, 1).contiguous()
    return x
