"""Labels in batches, all of them or a balanced few."""

import torch
from torch import Tensor

from pyrovae.labels import UNLABELLED

__all__ = ["keep_labels"]


def keep_labels(labels: Tensor, n: int, *, seed: int) -> Tensor:
    """Keeps ``n`` labels, as many of each class, and puts -1 in the place of the others.

    Args:
        labels: Integers, ``(N,)``.
        n: How many to keep.
        seed: Which of each class.

    Raises:
        ValueError: If ``n`` does not divide by the number of classes, or a class has fewer data.
    """
    classes = labels[labels != UNLABELLED].unique()
    if n < 1 or n % max(len(classes), 1):
        raise ValueError(
            f"labelled: expected a positive multiple of the number of classes, {len(classes)}, so "
            f"that each class has the same number of labels, got {n}"
        )
    each = n // len(classes)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    kept = torch.full_like(labels, UNLABELLED)
    for value in classes:
        chosen = order[(labels == value)[order]][:each]
        if len(chosen) < each:
            raise ValueError(
                f"labelled: expected at least {each} data of each class to keep {n} labels, "
                f"but class {value.item()} has {len(chosen)}"
            )
        kept[chosen] = value
    return kept
