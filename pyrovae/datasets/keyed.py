"""Data whose items are dicts, as tuples of the values that a model takes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset

__all__ = ["keyed"]


def keyed(source: Dataset[Any] | DataLoader[Any], *keys: str) -> Dataset[Any] | DataLoader[Any]:
    """Reads items or batches that are dicts as tuples, the values of some keys in their order.

    Hugging Face's ``datasets`` and ``webdataset`` give ``{"image": ..., "label": ...}``;
    ``keyed(source, "image", "label")`` gives what a model of images and labels takes.

    Args:
        source: A ``Dataset``, with indices or iterable, whose items are dicts, or a ``DataLoader``
            whose batches are.
        *keys: The keys, that of x first.

    Returns:
        A ``Dataset`` or a ``DataLoader``, in the order and with the workers of the source.

    Raises:
        ValueError: If there are no keys, or the source is neither; when it is read, if a key is
            not there. The keys that are there are named.
    """
    if not keys or not all(isinstance(key, str) for key in keys):
        raise ValueError(f"keys: expected the names of the values, x first, got {keys!r}")
    if isinstance(source, DataLoader):
        return _loader(source, keys)
    if isinstance(source, IterableDataset):
        return _KeyedStream(source, keys)
    if not hasattr(source, "__getitem__") or not hasattr(source, "__len__"):
        raise ValueError(
            f"expected a Dataset or a DataLoader of dicts, got {type(source).__name__}"
        )
    return _Keyed(source, keys)


class _Keyed(Dataset[Any]):
    def __init__(self, source: Any, keys: tuple[str, ...]) -> None:
        self.source, self.keys = source, keys

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, i: int) -> tuple[Any, ...]:
        return _picked(self.source[i], self.keys)


class _KeyedStream(IterableDataset[Any]):
    def __init__(self, source: Any, keys: tuple[str, ...]) -> None:
        self.source, self.keys = source, keys

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return (_picked(item, self.keys) for item in self.source)

    def set_epoch(self, epoch: int) -> None:
        """Tells the source which pass begins, if it wants to know."""
        if callable(getattr(self.source, "set_epoch", None)):
            self.source.set_epoch(epoch)


class _Pick:
    """Puts items together as a loader did, and picks the values of some keys."""

    def __init__(self, collate: Callable[[Any], Any], keys: tuple[str, ...]) -> None:
        self.collate, self.keys = collate, keys

    def __call__(self, items: Any) -> tuple[Any, ...]:
        return _picked(self.collate(items), self.keys)


def _loader(source: DataLoader[Any], keys: tuple[str, ...]) -> DataLoader[Any]:
    options: dict[str, Any] = {"batch_size": source.batch_size, "drop_last": source.drop_last}
    if isinstance(source.dataset, IterableDataset):
        pass
    elif type(source.batch_sampler) is BatchSampler:
        options["sampler"] = source.sampler
    elif source.batch_sampler is not None:
        options = {"batch_sampler": source.batch_sampler}
    if source.num_workers:
        options["prefetch_factor"] = source.prefetch_factor
        options["persistent_workers"] = source.persistent_workers
        options["multiprocessing_context"] = source.multiprocessing_context
    return DataLoader(
        source.dataset,
        **options,
        num_workers=source.num_workers,
        collate_fn=_Pick(source.collate_fn, keys),
        pin_memory=source.pin_memory,
        timeout=source.timeout,
        worker_init_fn=source.worker_init_fn,
        generator=source.generator,
    )


def _picked(values: Any, keys: tuple[str, ...]) -> tuple[Any, ...]:
    if not isinstance(values, Mapping):
        raise ValueError(f"expected dicts with the keys {list(keys)}, got {type(values).__name__}")
    missing = [key for key in keys if key not in values]
    if missing:
        raise ValueError(f"expected the key {missing[0]!r}, got {sorted(map(str, values))}")
    return tuple(values[key] for key in keys)
