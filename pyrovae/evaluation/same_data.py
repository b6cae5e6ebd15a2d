"""Checks that ranks which each read all of the data read the same data."""

import zlib
from contextlib import nullcontext

import torch
from torch.utils.data import DataLoader

from pyrovae.datasets.loader_split import LoaderSplit, kept_generators
from pyrovae.datasets.splits import Split
from pyrovae.ranks import OnAllRanks, Ranks
from pyrovae.scope import isolated

__all__ = ["check_same_data"]


def check_same_data(split: Split, ranks: Ranks, *, batch_size: int) -> None:
    """Checks that all ranks read the same first batch, of which each will keep its part.

    Data that are read by index are the same in any case, and data that are already divided between
    the ranks should differ. Everything that draws from torch's generator gets the same random
    numbers.

    Args:
        split: The data.
        ranks: The processes that read the data.
        batch_size: Number of data in a batch.

    Raises:
        ValueError: If they read different data.
    """
    if ranks.size == 1 or split.sharded or split.read(()) is not None:
        return
    source = split.source if isinstance(split, LoaderSplit) else None
    kept = kept_generators(source) if isinstance(source, DataLoader) else nullcontext()
    with isolated(torch.device("cpu"), seed=0), kept:
        x = next(iter(split.batches(batch_size, shuffle=True)))[0]
    found = ranks.gather(zlib.crc32(x.contiguous().numpy().tobytes()))
    other = next((rank for rank, sum_ in enumerate(found) if sum_ != found[0]), None)
    if other is not None:
        raise OnAllRanks(
            f"all processes must read the same data in the same order, but process {other} read "
            "another first batch than process 0: use the same shuffling seed in all processes, "
            "or StreamSplit(..., sharded=True) if each process has its own data"
        )
