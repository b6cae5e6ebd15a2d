"""Data that are read when they are needed: any Dataset or DataLoader."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pyrovae.datasets.binarization import Binarization, binarize, check_unit_interval
from pyrovae.datasets.collate import Collate, leading_tensors
from pyrovae.datasets.length import count_data
from pyrovae.datasets.splits import Split, check_batch_size
from pyrovae.datasets.values import Bytes, check_shape, to_float
from pyrovae.scope import kept_random_state

__all__ = ["LoaderSplit", "OpenLoaderSplit", "kept_generators"]

# How many data are looked at to see whether 8-bit values go beyond one.
LOOKED_AT = 1000


class LoaderSplit(Split):
    """Data larger than memory, and any Dataset or DataLoader of a user's with a length.

    A Dataset is read through a DataLoader of its own at each call of ``batches``. A DataLoader
    is used as it is: its own batch size, order and workers hold, and what ``batches`` is told
    of them has no effect; if it shuffles, labels and attributes are not in its order.

    Args:
        source: Gives tensors or arrays, or tuples that begin with one, x, of shape ``event``
            (batched: ``(batch, *event)``): floating, uint8 (divided by 255), bool, or other
            integers.
        fields: How many leading items of each tuple belong in a batch, at most; all if left
            out. A data set that gives ``(image, label)`` is read as images with ``fields=1``.
        labels: The classes of the data: integers of shape ``(N,)``.
        attributes: Properties of the data: bool of shape ``(N, A)``.
        binarization: ``none``, ``threshold`` or ``dynamic``, applied to x at each draw.
        num_workers: The processes that read a Dataset in the background; 0 reads in this one.

    Raises:
        ValueError: If the source is empty or has no length, an item is no tensor, its 8-bit
            values are zeros and ones only (as far as the first 1000 data show), or the
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
                "static binarization needs data in memory, got a source that is read lazily: use "
                "dynamic, or a tensor"
            )
        if fields is not None and fields < 1:
            raise ValueError(f"expected fields to be positive, got {fields}")
        self.source = source
        self.fields = fields
        self.num_workers = num_workers
        self._bytes = Bytes()
        self._8_bits: bool | None = None
        self._counts = False
        length = self._count(source)
        x = self._look_at_first()
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
            ValueError: If ``batch_size`` is not positive, a batch does not fit the first one,
                there are values outside [0, 1] to be binarized, or a pass gives more or fewer
                data than the source's length says.
        """
        check_batch_size(batch_size)
        return self._whole(batch_size, shuffle, torch.device(device))

    def read(
        self, chunks: Iterable[Tensor], *, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]] | None:
        """Reads data by their numbers; see `Split.read`."""
        if isinstance(self.source, DataLoader):
            return None
        loader = self._loader([chunk.tolist() for chunk in chunks], torch.device(device))
        return self._read(loader, torch.device(device))

    def as_counts(self) -> "LoaderSplit":
        """The same data with 8-bit values as counts; see `Split.as_counts`."""
        split = copy.copy(self)
        split._counts = self.binarization == "none"
        return split

    def _count(self, source: Dataset[Any] | DataLoader[Any]) -> int | None:
        return count_data(source)

    def _with_fields(self, fields: int) -> "LoaderSplit":
        """The same data with so many leading items of each tuple."""
        return LoaderSplit(
            self.source,
            fields=fields,
            labels=self.labels,
            attributes=self.attributes,
            binarization=self.binarization,
            num_workers=self.num_workers,
        )

    def _append(self, rows: Tensor) -> "LoaderSplit":
        if isinstance(self.source, DataLoader):
            raise ValueError(
                "expected a Dataset to add labels to its batches, got a DataLoader, whose order "
                "is unknown: let it return the labels itself, or use its dataset"
            )
        return LoaderSplit(
            _Longer(self.source, self.fields, rows),
            labels=self.labels,
            attributes=self.attributes,
            binarization=self.binarization,
            num_workers=self.num_workers,
        )

    def _whole(
        self, batch_size: int, shuffle: bool, device: torch.device
    ) -> Iterator[tuple[Tensor, ...]]:
        """All of the data, of which there have to be as many as the source says."""
        loader, seen = self.source, 0
        if not isinstance(loader, DataLoader):
            loader = self._loader_of(batch_size, shuffle, device)
        for batch in self._read(loader, device):
            seen += len(batch[0])
            self._check_count(seen, done=False)
            yield batch
        self._check_count(seen, done=True)

    def _loader_of(self, batch_size: int, shuffle: bool, device: torch.device) -> DataLoader[Any]:
        """Reads all of a data set."""
        # An order of our own rather than shuffle=True: TensorSplit's for the same seed.
        order = torch.randperm(len(self)) if shuffle else torch.arange(len(self))
        return self._loader([part.tolist() for part in order.split(batch_size)], device)

    def _loader(self, batches: list[list[int]], device: torch.device) -> DataLoader[Any]:
        """Reads the data set, the data of these numbers in each batch."""
        source: Any = self.source
        return DataLoader(
            source,
            batch_sampler=batches,
            num_workers=self.num_workers,
            collate_fn=Collate(self.fields),
            pin_memory=device.type == "cuda",
        )

    def _read(self, loader: DataLoader[Any], device: torch.device) -> Iterator[tuple[Tensor, ...]]:
        with _one_line():
            for batch in loader:
                x, *rest = self._select(batch)
                self._bytes.check()
                if x.shape[1:] != self.shape:
                    raise ValueError(
                        f"expected x of shape {tuple(self.shape)}, got {tuple(x.shape[1:])} in a "
                        "batch"
                    )
                if self.binarization == "dynamic":
                    check_unit_interval(x, self.binarization)  # before the move: it synchronises
                    x = binarize(x.to(device, non_blocking=True), self.binarization)
                else:
                    x = binarize(x, self.binarization)
                yield tuple(t.to(device, non_blocking=True) for t in (x, *rest))

    def _check_count(self, seen: int, *, done: bool) -> None:
        if self.length is None:
            return
        if seen > self.length or (done and seen < self.length):
            more = "more" if seen > len(self) else f"{seen}"
            raise ValueError(
                f"expected {len(self)} data in a pass, the length of the source, got {more}: let "
                "__len__ return the number of data (workers of an iterable data set have to "
                "divide the data among them)"
            )

    def _select(self, batch: Any) -> tuple[Tensor, ...]:
        """Checks a batch and keeps its leading items, x as floating numbers."""
        items = tuple(batch) if isinstance(batch, tuple | list) else (batch,)
        x, *rest = self._tensors(items[: self.fields])
        check_shape(x)
        if self._8_bits is None:
            self._8_bits = x.dtype == torch.uint8
        elif self._8_bits != (x.dtype == torch.uint8):
            raise ValueError(
                f"expected x of one type, got torch.uint8 and other numbers ({x.dtype} in a "
                "batch): only torch.uint8 is divided by 255"
            )
        self._bytes.look(x)
        return (to_float(x, counts=self._counts), *rest)

    def _tensors(self, items: Sequence[Any]) -> tuple[Tensor, ...]:
        return leading_tensors(items, lenient=False)

    def _look_at_first(self) -> Tensor:
        """Gives x of the first batch, and looks on until 8-bit values have shown their range."""
        loader = self.source
        if not isinstance(loader, DataLoader):
            loader = DataLoader(loader, batch_size=1, collate_fn=Collate(self.fields))
        first: Tensor | None = None
        # Looking at the data must not move the random numbers of those who go on to use them.
        with kept_random_state(), kept_generators(loader), _one_line():
            for batch in islice(loader, -(-LOOKED_AT // max(loader.batch_size or 1, 1))):
                x, *_ = self._select(batch)
                first = x if first is None else first
                if self._bytes.settled:
                    break
        if first is None:
            raise ValueError("expected at least one datum, got none")
        self._bytes.check()
        return first


class OpenLoaderSplit(LoaderSplit):
    """A LoaderSplit that leaves to its reader how many fields belong in a batch.

    Batches have x and the tensors that follow it; a field that is none ends them.
    """

    def leading(self, fields: int | None) -> Split:
        """The same data with as many fields as a program takes."""
        return self if fields is None else self._with_fields(fields)

    def _tensors(self, items: Sequence[Any]) -> tuple[Tensor, ...]:
        return leading_tensors(items, lenient=True)


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


@contextmanager
def _one_line() -> Iterator[None]:
    """Says in one line why torch could not put a loader's items together."""
    try:
        yield
    except (RuntimeError, TypeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        if not any("default_collate" in line or "stack expects" in line for line in lines):
            raise
        raise ValueError(
            f"expected items that make a batch of tensors, all of one shape: {lines[-1]}"
        ) from error


@contextmanager
def kept_generators(loader: DataLoader[Any]) -> Iterator[None]:
    """Gives a loader's own generators back as they were."""
    owners = (loader, loader.sampler, getattr(loader.batch_sampler, "sampler", None))
    generators = [g for g in (getattr(owner, "generator", None) for owner in owners) if g]
    states = [generator.get_state() for generator in generators]
    try:
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
