"""Data that come one after the other: iterable data sets, of any length."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pyrovae.datasets.binarization import Binarization
from pyrovae.datasets.collate import Collate, leading_tensors
from pyrovae.datasets.length import count_data, has_length, is_stream
from pyrovae.datasets.loader_split import LoaderSplit
from pyrovae.datasets.splits import Split

__all__ = ["OpenStreamSplit", "StreamSplit"]


class StreamSplit(LoaderSplit):
    """Data that come one after the other, of which there may be more than anybody has counted.

    Evaluation reads a stream to its end. Training takes as many steps an epoch as
    ``fit(steps_per_epoch=...)`` says, where the stream has no length; see `StreamEpochs`. The
    order is the stream's own: whoever wants it shuffled has the data set do so.

    Args:
        source: An ``IterableDataset``, or a ``DataLoader`` of one; its workers have to divide the
            data among them. Items as `LoaderSplit` takes them.
        fields: How many leading items of each tuple belong in a batch, at most; all if left out.
        binarization: ``none``, ``threshold`` or ``dynamic``, applied to x at each draw.
        num_workers: The processes that read a data set in the background, and that it has to
            divide its data among; 0 reads in this one.
        sharded: Whether, on several ranks, the source of each gives data of its own (Hugging
            Face's ``split_dataset_by_node``, webdataset's ``split_by_node``). Otherwise all ranks
            read the same data in the same order, and each keeps its part of each batch.

    Raises:
        ValueError: If the source is no stream or is empty, an item is no tensor, its 8-bit values
            are zeros and ones only, or the binarization is static.
    """

    def __init__(
        self,
        source: Dataset[Any] | DataLoader[Any],
        *,
        fields: int | None = None,
        binarization: Binarization = "none",
        num_workers: int = 0,
        sharded: bool = False,
    ) -> None:
        if not is_stream(source):
            raise ValueError(
                "expected an IterableDataset or a DataLoader of one, got "
                f"{type(source).__name__}: use LoaderSplit for indexed data"
            )
        self.sharded = sharded
        super().__init__(source, fields=fields, binarization=binarization, num_workers=num_workers)

    def read(
        self, chunks: Iterable[Tensor], *, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]] | None:
        """There are no numbers to read a stream by; see `Split.read`."""
        return None

    def begin(self, number: int) -> None:
        """Tells a data set that has ``set_epoch`` which pass begins, so that it shuffles anew."""
        source: Any = self.source
        data_set: Any = source.dataset if isinstance(source, DataLoader) else source
        if callable(getattr(data_set, "set_epoch", None)):
            data_set.set_epoch(number)

    @property
    def batch_size(self) -> int | None:
        """The data in a batch of a loader; None of a data set, which is told how many."""
        return self.source.batch_size if isinstance(self.source, DataLoader) else None

    def _count(self, source: Dataset[Any] | DataLoader[Any]) -> int | None:
        if isinstance(source, DataLoader):
            # A loader that makes no batches is refused there.
            known = source.batch_size is None or (has_length(source) and not self.sharded)
            return count_data(source) if known else None
        return len(source) if has_length(source) and not self.sharded else None  # type: ignore[arg-type]

    def _with_fields(self, fields: int) -> "StreamSplit":
        return StreamSplit(
            self.source,
            fields=fields,
            binarization=self.binarization,
            num_workers=self.num_workers,
            sharded=self.sharded,
        )

    def _append(self, rows: Tensor) -> LoaderSplit:
        raise ValueError(
            "expected an indexed Dataset to add labels to its batches, got a stream: let it "
            "return the labels itself"
        )

    def _loader_of(self, batch_size: int, shuffle: bool, device: torch.device) -> DataLoader[Any]:
        source: Any = self.source
        return DataLoader(
            source,
            batch_size=batch_size,
            num_workers=self.num_workers,
            collate_fn=Collate(self.fields),
            pin_memory=device.type == "cuda",
        )


class OpenStreamSplit(StreamSplit):
    """A StreamSplit that leaves to its reader how many fields belong in a batch."""

    def leading(self, fields: int | None) -> Split:
        """The same data with as many fields as a program takes."""
        return self if fields is None else self._with_fields(fields)

    def _tensors(self, items: Any) -> tuple[Tensor, ...]:
        return leading_tensors(items, lenient=True)
