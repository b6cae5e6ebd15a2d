"""Compressed sparse rows, read a few at a time."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pyrovae.datasets.memory import MEMORY_LIMIT
from pyrovae.datasets.values import check_finite, to_dtype

__all__ = [
    "SparseMatrix",
    "SparseRows",
    "checked_rows",
    "is_sparse",
    "sparse_rows",
    "to_counts",
]

#: A dense row of more, of 32-bit floats, would be more than files may take in memory.
MOST_FEATURES = MEMORY_LIMIT // 4


class SparseMatrix(Protocol):
    """A sparse matrix or array of SciPy."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def tocsr(self) -> Any:
        """The same by rows."""

    def toarray(self) -> Any:
        """The same with its zeros."""


@dataclass(frozen=True, eq=False)
class SparseRows:
    """A matrix by the values that are not zero, row after row (CSR).

    Attributes:
        starts: Where each row's values begin, and where the last one's end: integers, ``(N + 1,)``.
        columns: The column of each value.
        values: The values, floating.
        features: Number of columns.
    """

    starts: Tensor
    columns: Tensor
    values: Tensor
    features: int

    def _places(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Where the values of some rows stand, and how many each has."""
        first = self.starts[index]
        lengths = self.starts[index + 1] - first
        before = lengths.cumsum(0) - lengths
        total = torch.arange(int(lengths.sum()), device=first.device)
        return total + (first - before).repeat_interleave(lengths), lengths

    def dense(self, index: Tensor) -> Tensor:
        """Some rows with their zeros, ``(n, features)``."""
        places, lengths = self._places(index)
        rows = torch.arange(len(index), device=index.device).repeat_interleave(lengths)
        x = self.values.new_zeros(len(index), self.features)
        # A value that is given twice is the sum, as SciPy has it.
        return x.index_put_((rows, self.columns[places]), self.values[places], accumulate=True)

    def take(self, index: Tensor) -> "SparseRows":
        """Some rows, as sparse as they were."""
        places, lengths = self._places(index)
        starts = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        return replace(
            self, starts=starts, columns=self.columns[places], values=self.values[places]
        )

    def totals(self) -> Tensor:
        """The sum of each row in double precision, ``(N,)``."""
        lengths = self.starts.diff()
        rows = torch.arange(len(self), device=lengths.device).repeat_interleave(lengths)
        return torch.zeros(len(self), dtype=torch.float64, device=lengths.device).index_add_(
            0, rows, self.values.double()
        )

    def to(self, device: torch.device) -> "SparseRows":
        """The same on a device."""
        return replace(
            self,
            starts=self.starts.to(device),
            columns=self.columns.to(device),
            values=self.values.to(device),
        )

    def cast(self, dtype: torch.dtype | None) -> "SparseRows":
        """The same with values of another floating type."""
        return replace(self, values=to_dtype([self.values], dtype)[0])

    def __len__(self) -> int:
        return len(self.starts) - 1


def is_sparse(x: Any) -> bool:
    """Whether something is a sparse matrix of SciPy, a sparse tensor, or rows that were read."""
    if isinstance(x, Tensor):
        return x.layout in (torch.sparse_coo, torch.sparse_csr)
    scipy = all(hasattr(x, name) for name in ("tocsr", "toarray", "shape"))
    return scipy or isinstance(x, SparseRows)


def sparse_rows(x: Any) -> SparseRows:
    """Reads a sparse matrix by its rows, without making it dense.

    8-bit values are counts here and keep their values, as all integers do: who keeps grey levels
    keeps them dense.

    Args:
        x: A sparse matrix or array of SciPy, or a sparse tensor (COO or CSR), ``(N, features)``.

    Raises:
        ValueError: If it is something else, has no rows or columns, or values that are not finite.
    """
    if isinstance(x, SparseRows):
        return x
    if not is_sparse(x):
        raise ValueError(f"x: expected a sparse matrix, got {type(x).__name__}")
    shape = tuple(x.shape)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"x: expected a sparse matrix of (N, features), got shape {shape}")
    starts, columns, values = _of_tensor(x) if isinstance(x, Tensor) else _of_scipy(x)
    return checked_rows(starts, columns, values, shape)


def to_counts(values: Tensor) -> Tensor:
    """Numbers of any type, 8-bit integers too, as floating ones of the same value."""
    return values.to(torch.get_default_dtype())


def checked_rows(
    starts: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, ...]
) -> SparseRows:
    """Rows from the parts of a matrix, which may be from a file of somebody else's.

    Args:
        starts: Where the rows start among the values, and where the last one ends: integers.
        columns: Integers, as many as values.
        values: Real numbers.
        shape: Of the matrix.

    Raises:
        ValueError: If they do not fit each other, a value is not finite, or a row is too long to be
            dense in a batch.
    """
    if len(shape) != 2 or not all(type(length) is int and length > 0 for length in shape):
        raise ValueError(f"x: expected a sparse matrix of (N, features), got shape {shape}")
    n, features = shape
    if features > MOST_FEATURES:
        raise ValueError(
            f"x: expected a sparse matrix of at most {MOST_FEATURES} columns, since the rows of a "
            f"batch are dense, got {features}"
        )
    starts, columns = _places_in("starts", starts), _places_in("columns", columns)
    if values.dim() != 1 or values.is_complex():
        raise ValueError(
            "x: expected the values of a sparse matrix as real numbers along one axis, got "
            f"{values.dtype} of shape {tuple(values.shape)}"
        )
    fits = len(starts) == n + 1 and len(columns) == len(values)
    # Within the values first: of numbers from anywhere the differences may be too large for 64 bits.
    within = fits and 0 == int(starts[0]) == int(starts.min()) and int(starts.max()) <= len(values)
    if not within or int(starts[-1]) != len(values) or bool((starts.diff() < 0).any()):
        raise ValueError(
            f"x: expected rows that fit a sparse matrix of shape {shape}, got different ones"
        )
    if len(columns) and not 0 <= int(columns.min()) <= int(columns.max()) < features:
        raise ValueError(
            f"x: expected columns from 0 to {features - 1} of a sparse matrix, got "
            f"{int(columns.min())} to {int(columns.max())}"
        )
    if values.numel():
        check_finite(values)
    return SparseRows(starts, columns, values, features)


def _places_in(name: str, x: Tensor) -> Tensor:
    if x.dim() != 1 or x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise ValueError(
            f"x: expected the {name} of a sparse matrix as integers along one axis, got {x.dtype} of "
            f"shape {tuple(x.shape)}"
        )
    return x.long()


def _of_scipy(x: Any) -> tuple[Tensor, Tensor, Tensor]:
    rows = x.tocsr()
    kind = rows.dtype.kind
    if kind not in "biuf":
        raise ValueError(f"x: expected a sparse matrix of real numbers, got dtype {rows.dtype}")
    default = np.float64 if torch.get_default_dtype() == torch.float64 else np.float32
    values = rows.data.astype(default)
    starts, columns = (torch.from_numpy(i.astype(np.int64)) for i in (rows.indptr, rows.indices))
    return starts, columns, torch.from_numpy(values)


def _of_tensor(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    if x.is_complex() or x.dense_dim() or x.is_meta:
        raise ValueError(
            "x: expected a sparse tensor of real numbers, each with a row and a column, got "
            f"{x.dtype} with {x.dense_dim()} dense axes on {x.device}"
        )
    x = x.detach()
    if x.layout == torch.sparse_csr:
        return x.crow_indices(), x.col_indices(), to_counts(x.values())
    indices = x._indices()  # torch may not have looked at them
    size = torch.tensor(x.shape, device=x.device)[:, None]
    if bool(((indices < 0) | (indices >= size)).any()):
        raise ValueError(
            f"x: expected indices within the shape {tuple(x.shape)}, got larger or negative ones"
        )
    x = x.coalesce()
    rows, columns = x.indices()
    lengths = torch.bincount(rows, minlength=len(x))
    starts = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    return starts, columns, to_counts(x.values())
