"""Data in their own order, for results that are given for each datum."""

from typing import Any

from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from pyrovae.datasets.loader_split import LoaderSplit
from pyrovae.datasets.splits import Split

__all__ = ["in_order"]


def in_order(split: Split) -> Split:
    """Returns the same data, read in the order of the data set that they come from.

    A ``DataLoader`` that shuffles its whole data set is read without shuffling. Any other loader
    is assumed to have an order that its owner knows.

    Raises:
        ValueError: If a loader draws data at random from a part of its data set, or with
            replacement, so that there is no order in which to give results.
    """
    if not isinstance(split, LoaderSplit) or not isinstance(split.source, DataLoader):
        return split
    loader: Any = split.source
    if isinstance(loader.dataset, IterableDataset):
        return split
    sampler = _sampler(loader)
    if isinstance(sampler, SubsetRandomSampler | WeightedRandomSampler) or (
        isinstance(sampler, RandomSampler)
        and (sampler.replacement or len(sampler) != len(loader.dataset))
    ):
        raise ValueError(
            f"expected data in a fixed order, got a DataLoader with a {type(sampler).__name__}: "
            "use the data set itself, or a loader with shuffle=False"
        )
    if not isinstance(sampler, RandomSampler):
        return split
    ordered: DataLoader[Any] = DataLoader(
        loader.dataset,
        batch_size=loader.batch_size or 1,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        worker_init_fn=loader.worker_init_fn,
    )
    return LoaderSplit(ordered, fields=split.fields, binarization=split.binarization)


def _sampler(loader: DataLoader[Any]) -> Any:
    """The object that decides the order of a loader."""
    if isinstance(loader.batch_sampler, BatchSampler):
        return loader.batch_sampler.sampler
    return loader.sampler
