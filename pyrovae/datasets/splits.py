"""A split: one named part of a data set, read in batches."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from pyrovae.datasets.binarization import Binarization, check_protocol
from pyrovae.datasets.labelled import keep_labels
from pyrovae.datasets.tensors import as_tensor
from pyrovae.datasets.values import to_dtype

__all__ = ["Split", "SplitOf", "check_batch_size", "in_batches"]


class Split(ABC):
    """One part of a data set: training, validation or test data.

    Args:
        length: The number N of data; None where only a pass tells.
        shape: The shape of one datum x, without the batch.
        labels: The classes of the data: integers of shape ``(N,)``.
        attributes: Properties of the data: bool of shape ``(N, A)``.
        binarization: The protocol by which the values were made, or are made at each draw.

    Attributes:
        labels: Integers of shape ``(N,)``, or None; in the order of ``batches(shuffle=False)``.
        attributes: Bool of shape ``(N, A)``, or None; in the same order.
        binarization: The protocol of the values of x.
        shape: The shape of one datum x, such as ``(1, 28, 28)``.
        length: The number of data; None where only a pass tells, as of a stream.
        sharded: Whether each of several ranks has data of its own in it, instead of all of them.

    Raises:
        ValueError: If there are no data, if labels or attributes do not fit them, or if the
            protocol is unknown.
    """

    labels: Tensor | None
    attributes: Tensor | None
    binarization: Binarization
    shape: torch.Size
    length: int | None
    sharded: bool = False

    def __init__(
        self,
        *,
        length: int | None,
        shape: torch.Size | tuple[int, ...],
        labels: Tensor | None = None,
        attributes: Tensor | None = None,
        binarization: Binarization = "none",
    ) -> None:
        check_protocol(binarization)
        if length is not None and length < 1:
            raise ValueError("expected at least one datum, got none")
        labels = None if labels is None else as_tensor(labels, name="labels")
        attributes = None if attributes is None else as_tensor(attributes, name="attributes")
        if labels is not None and (labels.shape != (length,) or not _is_integer(labels)):
            raise ValueError(
                f"expected labels to be {length} integers of shape ({length},), "
                f"got {labels.dtype} of shape {tuple(labels.shape)}"
            )
        if attributes is not None and (
            attributes.dim() != 2 or len(attributes) != length or attributes.dtype != torch.bool
        ):
            raise ValueError(
                f"expected attributes to be bool of shape ({length}, A), "
                f"got {attributes.dtype} of shape {tuple(attributes.shape)}"
            )
        self.length = length
        self.shape = torch.Size(shape)
        self.labels = None if labels is None else labels.to(torch.int64)
        self.attributes = attributes
        self.binarization = binarization

    def __len__(self) -> int:
        if self.length is None:
            raise ValueError(
                "expected data with a length, got a stream, whose length is only known at its "
                "end: define __len__ in its data set, the number of data in a pass"
            )
        return self.length

    def __repr__(self) -> str:
        data = "a stream of" if self.length is None else self.length
        return (
            f"{type(self).__name__}({data} data, shape={tuple(self.shape)}, "
            f"binarization={self.binarization!r})"
        )

    @abstractmethod
    def batches(
        self, batch_size: int, *, shuffle: bool = False, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]]:
        """Goes once through the data.

        Args:
            batch_size: The number of data in a batch; the last batch may be smaller.
            shuffle: Takes the data in a new random order, from torch's global CPU generator.
            device: Where the batches are to be. Dynamic binarization draws from that device's
                global generator.

        Returns:
            Batches as tuples of tensors whose first is x, of shape ``(batch, *shape)``.

        Raises:
            ValueError: If ``batch_size`` is not positive.
        """

    def read(
        self, chunks: Iterable[Tensor], *, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]] | None:
        """Reads data by their numbers, of which the first is 0.

        Args:
            chunks: The numbers in each batch, ``(n,)`` with n of at least 1.
            device: Where the batches are to be.

        Returns:
            The batches; None if the source has an order of its own (a ``DataLoader``).
        """
        return None

    def leading(self, fields: int | None) -> "Split":
        """The same data as a program reads that takes so many tensors; None is any number.

        A split has in its batches what it was made to have. One that `Data` made of a source
        leaves that open, and is cut to what the program takes.
        """
        return self

    def as_counts(self) -> "Split":
        """The same data with 8-bit values as the counts that they are, and not divided by 255."""
        return self

    def cast(self, dtype: torch.dtype | None) -> "Split":
        """The same data with floating tensors of the type that a model calculates in.

        Args:
            dtype: A floating type; with None everything stays.
        """
        return self if dtype is None else _Cast(self, dtype)

    def with_labels(self, *, labelled: int | None = None, seed: int = 0) -> "Split":
        """The same data with their labels as the last tensor of each batch: ``(x, y)``.

        Args:
            labelled: How many labels to keep, as many of each class; y is -1 for the other data.
                All are kept if left out. The attribute ``labels`` goes on to hold all of them.
            seed: Which labels are kept.

        Raises:
            ValueError: If there are no labels, they cannot be kept so, or the data come from a
                ``DataLoader``, whose order is its own.
        """
        if self.labels is None:
            raise ValueError("expected data with labels, got none")
        y = self.labels if labelled is None else keep_labels(self.labels, labelled, seed=seed)
        return self._append(y)

    def _append(self, rows: Tensor) -> "Split":
        """The same data with one more tensor, ``(N, ...)``, at the end of each batch."""
        raise ValueError(f"{type(self).__name__}: it cannot add labels to its batches")

    def take(self, n: int) -> tuple[Tensor, ...]:
        """Gives the first ``n`` data as one batch on the CPU, or all data where there are fewer.

        Raises:
            ValueError: If ``n`` is not positive.
        """
        check_batch_size(n)
        taken: list[tuple[Tensor, ...]] = []
        missing = n if self.length is None else min(n, self.length)
        for batch in self.batches(missing):
            taken.append(tuple(t[:missing] for t in batch))
            missing -= len(taken[-1][0])
            if missing == 0:
                break
        return tuple(torch.cat(parts) for parts in zip(*taken, strict=True))


class SplitOf(Split):
    """A split whose batches are made of another one's, of the same data.

    Args:
        split: The other one.
    """

    def __init__(self, split: Split) -> None:
        super().__init__(
            length=split.length,
            shape=split.shape,
            labels=split.labels,
            attributes=split.attributes,
            binarization=split.binarization,
        )
        self.split, self.sharded = split, split.sharded


class _Cast(SplitOf):
    """A split whose batches are those of another one, in another floating type."""

    def __init__(self, split: Split, dtype: torch.dtype) -> None:
        super().__init__(split)
        self._dtype = dtype

    def batches(
        self, batch_size: int, *, shuffle: bool = False, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]]:
        """Goes once through the data; see `Split.batches`."""
        batches = self.split.batches(batch_size, shuffle=shuffle, device=device)
        return (to_dtype(batch, self._dtype) for batch in batches)

    def read(
        self, chunks: Iterable[Tensor], *, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]] | None:
        """Reads data by their numbers; see `Split.read`."""
        batches = self.split.read(chunks, device=device)
        return None if batches is None else (to_dtype(batch, self._dtype) for batch in batches)


def check_batch_size(batch_size: int) -> None:
    """Raises a ValueError unless a number of data is positive."""
    if batch_size < 1:
        raise ValueError(f"expected a positive number of data, got {batch_size}")


def in_batches(
    n: int, batch_size: int, *, shuffle: bool, device: torch.device | str = "cpu"
) -> Iterator[Tensor]:
    """The numbers of data in each batch of a pass through them.

    Args:
        n: How many data there are.
        batch_size: Data in each batch; the last one may have fewer.
        shuffle: Whether the data come in random order, from torch's generator.
        device: Where the numbers are to be.
    """
    order = (torch.randperm(n) if shuffle else torch.arange(n)).to(device)
    # One by one: all slices at once would take longer and more memory than the order itself.
    yield from (order[i : i + batch_size] for i in range(0, n, batch_size))


def _is_integer(t: Tensor) -> bool:
    return not (t.is_floating_point() or t.is_complex() or t.dtype == torch.bool)
