"""What is done to batches between a split and a program."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

__all__ = ["merge_last"]

Batch = tuple[Tensor, ...]


def merge_last(batches: Iterable[Batch], *, length: int, least: int = 2) -> Iterator[Batch]:
    """Joins a last batch of too few data, such as one, with the one before it.

    An objective that looks across a batch (at its codes' covariance, at pairs of them) says
    nothing of one datum. No batch is read ahead of its turn but this one: random numbers that are
    drawn between batches are those that would have been drawn without it.

    Args:
        batches: One pass through the data.
        length: The number of data in it.
        least: The number of data that is enough.

    Returns:
        The same data in the same order, in batches of as many, but for the last one, which may
        have some more. It has fewer than ``least`` only if there are no others.
    """
    left, iterator = length, iter(batches)
    for batch in iterator:
        left -= len(batch[0])
        last = next(iterator, None) if 0 < left < least else None
        if last is not None:
            batch = tuple(torch.cat(pair) for pair in zip(batch, last, strict=True))
            left -= len(last[0])
        yield batch
