"""The batches of several ranks: who reads which data of each."""

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice

import torch
from torch import Tensor

from pyrovae.datasets.batches import merge_last
from pyrovae.datasets.splits import Split
from pyrovae.scope import kept_random_state

__all__ = ["bounds", "part", "shares"]

Batch = tuple[Tensor, ...]


def bounds(n: int, rank: int, size: int) -> tuple[int, int]:
    """From where to where a rank's share of n data goes; shares differ by one datum at most."""
    return rank * n // size, (rank + 1) * n // size


def shares(
    split: Split,
    batch_size: int,
    *,
    state: Tensor,
    rank: int,
    size: int,
    device: torch.device,
    least: int = 1,
    full: bool = False,
    skip: int = 0,
) -> Iterator[Batch | None]:
    """Goes once through a rank's shares of shuffled batches: no datum is left out or comes twice.

    Of data that are read by their numbers a rank reads its own alone. A ``DataLoader`` is read
    whole by each rank, which keeps its part of each batch: the order has to be the same for all.

    Args:
        split: The data.
        batch_size: Data in a batch, of all ranks.
        state: Of the generator that the order is drawn from, the same for all ranks. The first
            rank draws it from its own, as a process alone would, unless it skips batches.
        rank: This rank.
        size: Number of ranks.
        device: Where the batches are to be.
        least: The last batch is joined with the one before where it has fewer data.
        full: Whether to leave out a batch smaller than the first.
        skip: How many batches to leave out at the beginning.

    Yields:
        This rank's share of each batch; None where it has none.
    """
    generator = torch.Generator()
    generator.set_state(state)
    chunks = list(torch.randperm(len(split), generator=generator).split(batch_size))
    if full and len(chunks) > 1 and len(chunks[-1]) < batch_size:
        del chunks[-1]
    elif len(chunks) > 1 and len(chunks[-1]) < least:
        chunks[-2:] = [torch.cat(chunks[-2:])]
    mine = [chunk[slice(*bounds(len(chunk), rank, size))] for chunk in chunks[skip:]]
    read = split.read((chunk for chunk in mine if len(chunk)), device=device)
    moves_on = rank == 0 and skip == 0
    if read is None:
        batches = _whole(
            split,
            batch_size,
            state=state,
            moves_on=moves_on,
            device=device,
            least=least,
            full=full,
        )
        yield from (part(batch, rank, size) for batch in islice(batches, skip, None))
        return
    if moves_on:
        torch.default_generator.set_state(generator.get_state())
    for chunk in mine:
        yield next(read) if len(chunk) else None


def part(batch: Batch, rank: int, size: int) -> Batch | None:
    """A rank's share of a batch that it has whole; None if there is nothing in it."""
    begin, end = bounds(len(batch[0]), rank, size)
    return tuple(value[begin:end] for value in batch) if end > begin else None


def _whole(
    split: Split,
    batch_size: int,
    *,
    state: Tensor,
    moves_on: bool,
    device: torch.device,
    least: int,
    full: bool,
) -> Iterator[Batch]:
    """All batches of a source with an order of its own, which is drawn alike on all ranks."""
    batches = split.batches(batch_size, shuffle=True, device=device)
    with nullcontext() if moves_on else kept_random_state():
        torch.default_generator.set_state(state)
        first = next(batches)  # draws the order
    rest = merge_last(_after(first, batches), length=len(split), least=least)
    yield from (batch for batch in rest if not full or len(batch[0]) >= len(first[0]))


def _after(first: Batch, rest: Iterator[Batch]) -> Iterator[Batch]:
    yield first
    yield from rest
