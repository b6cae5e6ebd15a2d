"""Data in blocks, each with random numbers of its own."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from pyrovae.datasets.splits import Split
from pyrovae.ranks import ALONE, Ranks

__all__ = ["Block", "blocks", "seed_block"]

Batch = tuple[Tensor, ...]
#: The increment of a counter that gives seeds far apart (Steele, Lea and Flood, 2014).
GOLDEN = 0x9E3779B97F4A7C15


class Block(NamedTuple):
    """Consecutive data.

    Attributes:
        start: The index of the first datum, starting at 0.
        batch: The data.
    """

    start: int
    batch: Batch


def blocks(
    split: Split, size: int, *, seed: int, device: torch.device, ranks: Ranks = ALONE
) -> Iterator[Block]:
    """Yields this rank's blocks of a split, once.

    Random numbers drawn while a block is read, and afterwards while it is used, come from seeds of
    its own, computed from ``seed`` and the index of its first datum. So they depend neither on
    earlier blocks, nor on which rank reads the block, nor on the batches of a loader. Data that
    are read by index are each read by one rank only. A ``DataLoader`` is read by every rank. Of a
    sharded stream each rank has its own blocks.

    Args:
        split: The data.
        size: Number of data in a block; the last one may have fewer.
        seed: Seed of the draws.
        device: The device for the batches.
        ranks: The processes that share the data.
    """
    starts = range(0, split.length or 0, size)
    mine = starts[ranks.rank :: ranks.size]
    order = torch.arange(split.length or 0)
    read = split.read((order[start : start + size] for start in mine), device=device)
    if read is not None:
        found: Iterator[Block] = _by_number(mine, read, seed, device)
    elif split.sharded:
        own = _cut(split.batches(size, device=device), size, seed + ranks.rank, device)
        # Numbered as if the ranks took turns.
        found = (Block(b.start * ranks.size + ranks.rank * size, b.batch) for b in own)
    else:
        whole = _cut(split.batches(size, device=device), size, seed, device)
        found = (b for b in whole if b.start // size % ranks.size == ranks.rank)
    for block in found:
        seed_block(device, seed, block.start, reading=False)
        yield block


def seed_block(device: torch.device, seed: int, start: int, *, reading: bool) -> None:
    """Sets the seed for a block, different for reading the block and for using it."""
    mixed = (seed + (2 * start + 1 + reading) * GOLDEN) % 2**63
    torch.default_generator.manual_seed(mixed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(mixed)
    elif device.type == "mps":
        torch.mps.manual_seed(mixed)


def _by_number(
    starts: Iterable[int], read: Iterator[Batch], seed: int, device: torch.device
) -> Iterator[Block]:
    for start in starts:
        seed_block(device, seed, start, reading=True)
        yield Block(start, next(read))


def _cut(batches: Iterator[Batch], size: int, seed: int, device: torch.device) -> Iterator[Block]:
    """Rearranges batches of any sizes into blocks of one size."""
    start = seen = 0
    held: list[Batch] = []
    while True:
        seed_block(device, seed, seen, reading=True)
        batch = next(batches, None)
        if batch is not None:
            held.append(batch)
            seen += len(batch[0])
        while seen - start >= size or (batch is None and seen > start):
            joined = tuple(torch.cat(parts) for parts in zip(*held, strict=True))
            yield Block(start, tuple(value[:size] for value in joined))
            held = [tuple(value[size:] for value in joined)]
            start += min(size, seen - start)
        if batch is None:
            return
