"""Data that are read when they are needed: any Dataset or DataLoader."""

from collections.abc import Iterator, Sized
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from pyrovae.datasets.binarization import Binarization, binarize, check_unit_interval
from pyrovae.datasets.splits import Split, check_batch_size
from pyrovae.datasets.values import to_float

__all__ = ["LoaderSplit"]


class LoaderSplit(Split):
    """Data larger than memory, and any Dataset or DataLoader of a user's.

    A Dataset is read through a DataLoader of its own at each call of ``batches``. A DataLoader
    is used as it is: its own batch size, order and workers hold, and what ``batches`` is told
    of them has no effect; if it shuffles, labels and attributes are not in its order.

    Args:
        source: Gives tensors or tuples that begin with x, of shape ``event`` (batched:
            ``(batch, *event)``), floating, uint8 (divided by 255) or bool.
        fields: How many leading items of each tuple belong in a batch, at most; all if left
            out. A data set that gives ``(image, label)`` is read as images with ``fields=1``.
        labels: The classes of the data: integers of shape ``(N,)``.
        attributes: Properties of the data: bool of shape ``(N, A)``.
        binarization: ``none``, ``threshold`` or ``dynamic``, applied to x at each draw.
        num_workers: The processes that read a Dataset in the background; 0 reads in this one.

    Raises:
        ValueError: If the source is empty or has no length, an item is no tensor, or the
            binarization is static (which needs one draw kept for each datum).
    """

    def __init__(
        self,
        source: Dataset[Any] | DataLoader[Any],
        *,
        fields: int | None = None,
        labels: Tensor | None = None,
        attributes: Tensor | None = None,
        binarization: Binarization = "none",
        num_workers: int = 0,
    ) -> None:
        if binarization == "static":
            raise ValueError(
                "static binarization needs data in memory, got a lazily read source: "
                "use dynamic, or give a tensor"
            )
        if fields is not None and fields < 1:
            raise ValueError(f"expected fields to be positive, got {fields}")
        self.source = source
        self.fields = fields
        self.num_workers = num_workers
        length = _length(source)
        x = self._first_batch()[0]
        super().__init__(
            length=length,
            shape=x.shape[1:],
            labels=labels,
            attributes=attributes,
            binarization=binarization,
        )

    def batches(
        self, batch_size: int, *, shuffle: bool = False, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]]:
        """Goes once through the data; see `Split.batches`.

        Raises:
            ValueError: If ``batch_size`` is not positive, a batch does not fit the first one, or
                there are values outside [0, 1] to be binarized.
        """
        check_batch_size(batch_size)
        return self._read(batch_size, shuffle, torch.device(device))

    def _append(self, rows: Tensor) -> "LoaderSplit":
        if isinstance(self.source, DataLoader):
            raise ValueError(
                "expected a Dataset to put labels into its batches, got a DataLoader, whose "
                "order is its own: let it give the labels itself, or give its dataset"
            )
        return LoaderSplit(
            _Longer(self.source, self.fields, rows),
            labels=self.labels,
            attributes=self.attributes,
            binarization=self.binarization,
            num_workers=self.num_workers,
        )

    def _read(
        self, batch_size: int, shuffle: bool, device: torch.device
    ) -> Iterator[tuple[Tensor, ...]]:
        loader = self.source
        if not isinstance(loader, DataLoader):
            loader = DataLoader(
                loader,
                batch_size=batch_size,
                # An order of our own rather than shuffle=True: TensorSplit's for the same seed.
                sampler=torch.randperm(len(self)).tolist() if shuffle else None,
                num_workers=self.num_workers,
                pin_memory=device.type == "cuda",
            )
        for batch in loader:
            x, *rest = self._select(batch)
            if x.shape[1:] != self.shape:
                raise ValueError(
                    f"expected x of shape {tuple(self.shape)}, got {tuple(x.shape[1:])} in a batch"
                )
            if self.binarization == "dynamic":
                check_unit_interval(x, self.binarization)  # before the move: it synchronises
                x = binarize(x.to(device, non_blocking=True), self.binarization)
            else:
                x = binarize(x, self.binarization)
            yield tuple(t.to(device, non_blocking=True) for t in (x, *rest))

    def _select(self, batch: Any) -> tuple[Tensor, ...]:
        """Checks a batch and keeps its leading items, x as floating numbers."""
        items = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
        if self.fields is not None:
            items = items[: self.fields]
        others = [type(item).__name__ for item in items if not isinstance(item, Tensor)]
        if others:
            raise ValueError(
                f"expected tensors in a batch, got {others[0]}: fields keeps the leading items only"
            )
        return (to_float(items[0]), *items[1:])

    def _first_batch(self) -> tuple[Tensor, ...]:
        loader = self.source
        if not isinstance(loader, DataLoader):
            loader = DataLoader(loader, batch_size=1)
        # Looking at the data must not move the random numbers of those who go on to use them.
        with torch.random.fork_rng(devices=[]):
            try:
                batch = next(iter(loader))
            except TypeError as error:
                reason = str(error).splitlines()[0] if str(error) else "TypeError"
                raise ValueError(
                    f"expected items that make a batch of tensors: {reason}"
                ) from error
        return self._select(batch)


class _Longer(Dataset[Any]):
    """A Dataset whose items are those of another one, each with a row of a tensor at its end."""

    def __init__(self, source: Any, fields: int | None, rows: Tensor) -> None:
        self.source, self.fields, self.rows = source, fields, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[Any, ...]:
        item = self.source[i]
        items = tuple(item) if isinstance(item, tuple | list) else (item,)
        return (*items[: self.fields], self.rows[i])


def _length(source: Dataset[Any] | DataLoader[Any]) -> int:
    """Counts the data that one pass gives."""
    loader = source if isinstance(source, DataLoader) else None
    if loader is not None and loader.batch_sampler is None and loader.batch_size is None:
        raise ValueError("expected a DataLoader that makes batches, got batch_size=None")
    counted: Any = source
    if loader is not None:
        # A sampler may leave data out; a loader of an IterableDataset has none with a length.
        counted = loader.dataset if isinstance(loader.dataset, IterableDataset) else loader.sampler
    elif isinstance(source, IterableDataset):
        raise ValueError("expected a Dataset with indices, got an iterable one: give a DataLoader")
    length = len(counted) if isinstance(counted, Sized) else None
    if length is None:
        raise ValueError(f"expected data with a length, got {type(counted).__name__} without one")
    if loader is not None and loader.drop_last and loader.batch_size is not None:
        length -= length % loader.batch_size
    if length < 1:
        raise ValueError("expected at least one datum, got none")
    return length
