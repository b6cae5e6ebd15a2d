"""Class labels: integers from 0, and -1 for a datum without a label."""

from typing import Any

import torch
from torch import Tensor

__all__ = ["UNLABELLED", "check_form", "check_labels", "check_range", "one_hot"]

UNLABELLED = -1


def one_hot(labels: Tensor, classes: int, *, unlabelled: bool = False) -> Tensor:
    """Returns labels as one-hot vectors.

    An invalid label gives NaN, so the error surfaces in whatever is computed with it. Checking the
    values in each step instead would have to wait for the device.

    Args:
        labels: Integers, ``(*batch,)``.
        classes: Number of classes C.
        unlabelled: Whether -1 marks a datum without a label; its vector is all zeros.

    Returns:
        ``(*batch, C)``, floating point.
    """
    labels = labels.long()  # uint8 cannot hold -1
    numbers = torch.arange(classes, device=labels.device)
    vectors = (labels.unsqueeze(-1) == numbers).to(torch.get_default_dtype())
    known = (labels >= (UNLABELLED if unlabelled else 0)) & (labels < classes)
    return torch.where(known.unsqueeze(-1), vectors, torch.nan)


def check_labels(y: Tensor, n: int, classes: int, *, unlabelled: bool = False) -> None:
    """Checks the type, shape and values of labels; waits for the device.

    Args:
        y: The labels.
        n: Number of data.
        classes: Number of classes.
        unlabelled: Whether -1 may mark a datum without a label.

    Raises:
        ValueError: If they are not ``n`` integers, or one is not a class.
    """
    check_form(y, n)
    check_range(y, classes, unlabelled=unlabelled)


def check_range(y: Tensor, classes: int, *, unlabelled: bool = False) -> None:
    """Checks the values of labels; waits for the device.

    Raises:
        ValueError: If one is not a class.
    """
    low, high = int(y.min()), int(y.max())
    first = UNLABELLED if unlabelled else 0
    if low < first or high >= classes:
        without = f", or {UNLABELLED} where there is none" if unlabelled else ""
        raise ValueError(
            f"y: expected labels from 0 to {classes - 1}{without}, got {low} to {high}"
        )


def check_form(y: Any, n: int) -> None:
    """Checks the type and shape of labels, but not their values.

    Raises:
        ValueError: If they are not ``n`` integers.
    """
    if not isinstance(y, Tensor):
        raise ValueError(f"y: expected labels, a tensor of integers, got {type(y).__name__}")
    integer = not (y.is_floating_point() or y.is_complex() or y.dtype == torch.bool)
    if not integer or y.shape != (n,):
        raise ValueError(
            f"y: expected labels, integers of shape ({n},), one for each datum, "
            f"got {y.dtype} of shape {tuple(y.shape)}"
        )
