"""How many data one pass through a Dataset or DataLoader gives."""

from collections.abc import Sized
from typing import Any

from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset

from pyrovae.scope import kept_random_state

__all__ = ["count_data", "has_length", "is_stream"]


def count_data(source: Dataset[Any] | DataLoader[Any]) -> int:
    """Counts the data that one pass gives, without reading them.

    Raises:
        ValueError: If that is not to be had, there are none, or a loader makes no batches.
    """
    length = _in_loader(source) if isinstance(source, DataLoader) else _in_data_set(source)
    if length < 1:
        raise ValueError("expected at least one datum, got none")
    return length


def is_stream(source: object) -> bool:
    """Whether data come one after the other: from an iterable data set, or a loader of one."""
    data_set = source.dataset if isinstance(source, DataLoader) else source
    return isinstance(data_set, IterableDataset)


def has_length(source: object) -> bool:
    """Whether a stream says how many data a pass through it gives."""
    data_set = source.dataset if isinstance(source, DataLoader) else source
    try:
        return isinstance(data_set, Sized) and len(data_set) >= 0
    except (NotImplementedError, TypeError):  # one that says so only when asked
        return False


def _in_data_set(source: Dataset[Any]) -> int:
    if isinstance(source, IterableDataset):
        raise ValueError(
            "expected an indexed Dataset, got an iterable one: use "
            f"StreamSplit({type(source).__name__}(...))"
        )
    return _length(source)


def _in_loader(loader: DataLoader[Any]) -> int:
    sampler: Any = loader.batch_sampler
    if sampler is None and loader.batch_size is None:
        raise ValueError(
            "expected a DataLoader that makes batches, got batch_size=None: use batch_size=128"
        )
    if isinstance(loader.dataset, IterableDataset):
        length, size = _length(loader.dataset), loader.batch_size
        return length - length % size if loader.drop_last and size is not None else length
    if type(sampler) is BatchSampler:
        # A sampler may leave data out, or take them twice.
        length = _length(sampler.sampler)
        return length - length % sampler.batch_size if sampler.drop_last else length
    with kept_random_state():
        return sum(len(list(indices)) for indices in sampler)


def _length(counted: Any) -> int:
    try:
        if isinstance(counted, Sized):
            return len(counted)
    except (NotImplementedError, TypeError):  # one that says so only when asked
        pass
    raise ValueError(
        f"expected data with a length, got {type(counted).__name__} without one: define __len__, "
        "the number of data in one pass"
    )
