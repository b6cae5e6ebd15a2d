"""Sparse data, of which one batch at a time is dense."""

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyrovae.datasets.collate import field_name
from pyrovae.datasets.sparse.rows import SparseRows, sparse_rows
from pyrovae.datasets.splits import Split, check_batch_size, in_batches
from pyrovae.datasets.tensors import as_tensor
from pyrovae.datasets.values import to_dtype

__all__ = ["OpenSparseSplit", "SparseSplit"]


class SparseSplit(Split):
    """Data in a sparse matrix; batches are dense, and the whole never is.

    Args:
        x: A sparse matrix or array of SciPy, or a sparse tensor, ``(N, features)``. All integers
            keep their values, 8-bit ones too.
        *tensors: What else belongs in a batch, each with N rows.
        labels: The classes of the data: integers of shape ``(N,)``.

    Attributes:
        rows: The data by row.
        given: What goes with them.

    Raises:
        ValueError: If it is no such matrix, holds something else than finite numbers, or the sizes
            differ.
    """

    def __init__(
        self,
        x: Any,
        *tensors: Tensor | np.ndarray[Any, Any],
        labels: Tensor | None = None,
    ) -> None:
        rows = sparse_rows(x)
        given = tuple(as_tensor(t, name=field_name(i + 1)) for i, t in enumerate(tensors))
        sizes = [len(t) if t.dim() else 0 for t in given]
        if any(size != len(rows) for size in sizes):
            raise ValueError(f"expected tensors with {len(rows)} rows each, as x has, got {sizes}")
        super().__init__(length=len(rows), shape=torch.Size([rows.features]), labels=labels)
        self._keep(rows, given)

    def batches(
        self, batch_size: int, *, shuffle: bool = False, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]]:
        """Goes once through the data; see `Split.batches`."""
        check_batch_size(batch_size)
        return self.read(self._order(batch_size, shuffle), device=device)

    def read(
        self, chunks: Iterable[Tensor], *, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]]:
        """Reads data by their numbers; see `Split.read`."""
        return self._gather(chunks, torch.empty((), device=device).device)

    def cast(self, dtype: torch.dtype | None) -> "SparseSplit":
        """The same data, converted once and for all; see `Split.cast`."""
        return self._with(self.rows.cast(dtype), to_dtype(self.given, dtype))

    def _append(self, rows: Tensor) -> "SparseSplit":
        return self._with(self.rows, (*self.given, rows))

    def _with(self, rows: SparseRows, given: tuple[Tensor, ...]) -> "SparseSplit":
        split = copy.copy(self)
        split._keep(rows, given)
        return split

    def _keep(self, rows: SparseRows, given: tuple[Tensor, ...]) -> None:
        self.rows, self.given = self._moved = rows, given

    def _order(self, batch_size: int, shuffle: bool) -> Iterator[Tensor]:
        return in_batches(len(self), batch_size, shuffle=shuffle)

    def _gather(
        self, chunks: Iterable[Tensor], device: torch.device
    ) -> Iterator[tuple[Tensor, ...]]:
        if self._moved[0].values.device != device:
            self._moved = self.rows.to(device), tuple(t.to(device) for t in self.given)
        rows, given = self._moved
        for chunk in chunks:
            index = chunk.to(device)
            yield (rows.dense(index), *(t.index_select(0, index) for t in given))


class OpenSparseSplit(SparseSplit):
    """A SparseSplit that leaves to its reader how many tensors belong in a batch."""

    def leading(self, fields: int | None) -> SparseSplit:
        """The same data with as many tensors as a program takes."""
        return self._with(self.rows, self.given if fields is None else self.given[: fields - 1])
