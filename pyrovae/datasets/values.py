"""What counts as data: the types, the scale and the layout of arrays of numbers."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "as_images",
    "check_bytes",
    "check_values",
    "from_numpy",
    "read_batch",
    "to_dtype",
    "to_float",
]

CHANNELS = (1, 3, 4)


def to_float(x: Tensor) -> Tensor:
    """Gives ``x`` as floating numbers; 8-bit pixels become grey levels in [0, 1].

    Args:
        x: Floating (left as it is), uint8 (divided by 255) or bool (zeros and ones).

    Raises:
        ValueError: If ``x`` has another type.
    """
    if x.is_floating_point():
        return x
    if x.dtype == torch.uint8:
        return x.to(torch.get_default_dtype()).div_(255)
    if x.dtype == torch.bool:
        return x.to(torch.get_default_dtype())
    raise ValueError(f"expected x to be floating, uint8 or bool, got {x.dtype}: use x.float()")


def check_values(x: Tensor) -> None:
    """Checks all the data of a set at once.

    Args:
        x: Data of shape ``(N, *event)``, floating, uint8 or bool.

    Raises:
        ValueError: If there is no batch or no event dimension, no datum or no value, a NaN or
            an infinite value, or 8-bit values that are zeros and ones only (divided by 255 they
            would all be black).
    """
    if x.dim() < 2:
        raise ValueError(
            f"expected x of shape (N, features) or (N, channels, height, width), got {tuple(x.shape)}"
        )
    if x.numel() == 0:
        raise ValueError(f"expected at least one datum and one value, got shape {tuple(x.shape)}")
    if x.is_floating_point() and not torch.isfinite(x).all():
        raise ValueError(
            f"expected finite values, got {int(x.isnan().sum())} NaN and {int(x.isinf().sum())} infinite"
        )
    check_bytes(x)


def check_bytes(x: Tensor) -> None:
    """Raises a ValueError for 8-bit values that are zeros and ones: as grey levels all are black."""
    if x.dtype == torch.uint8 and x.numel() and x.max() == 1:
        raise ValueError(
            "expected 8-bit values from 0 to 255, got zeros and ones: give binary data as bool or float"
        )


def read_batch(x: Any) -> Tensor:
    """Reads one batch of data as a set of data is read for training.

    Args:
        x: A tensor or NumPy array, ``(n, *event)``: floating, uint8 (divided by 255) or bool, and
            in an array any integers.

    Returns:
        Floating numbers in the shape of ``x``.

    Raises:
        ValueError: If it is something else, has no batch dimension or no datum, or is of 8-bit
            values that are zeros and ones only.
    """
    if isinstance(x, np.ndarray):
        x = from_numpy(x)
    if not isinstance(x, Tensor):
        raise ValueError(
            f"expected a batch of data as a tensor or array, got {type(x).__name__}: "
            "pyrovae.evaluation.encode takes any source of data"
        )
    if x.dim() < 1 or not len(x):
        raise ValueError(f"expected data of shape (n, ...) with n >= 1, got {tuple(x.shape)}")
    check_bytes(x)
    return to_float(x)


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


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """Copies an array into a tensor; uint8 and bool stay, all else gets torch's default type.

    Args:
        array: Booleans, integers or floating numbers, of any shape.

    Raises:
        ValueError: If the array holds anything else (objects, complex numbers, strings).
    """
    if array.dtype.kind not in "biuf":
        raise ValueError(f"expected an array of real numbers, got dtype {array.dtype}")
    if array.dtype == np.uint8 or array.dtype == np.bool_:
        return torch.from_numpy(np.array(array))  # a copy: torch warns of read-only memory
    dtype = torch.get_default_dtype()
    return torch.from_numpy(array.astype(np.float64 if dtype == torch.float64 else np.float32))


def as_images(x: Tensor) -> Tensor:
    """Gives data their natural shape, with channels first.

    Args:
        x: ``(N, F)`` features and ``(N, C, H, W)`` images stay as they are; ``(N, H, W)`` gets a
            channel axis; ``(N, H, W, C)`` with 1, 3 or 4 channels is moved to channels first,
            unless axis 1 could be the channels too.

    Raises:
        ValueError: If ``x`` has fewer than 2 or more than 4 axes.
    """
    if not 2 <= x.dim() <= 4:
        raise ValueError(
            f"expected an array with 2 axes (N, features), 3 or 4 (images), got shape {tuple(x.shape)}"
        )
    if x.dim() == 3:
        return x.unsqueeze(1)
    if x.dim() == 4 and x.shape[-1] in CHANNELS and x.shape[1] not in CHANNELS:
        return x.movedim(-1, 1).contiguous()
    return x
