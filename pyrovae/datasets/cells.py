"""Counts of cells with what is known of them, in AnnData's form."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pyrovae.datasets.data import Data
from pyrovae.datasets.partition import Amount, split_indices
from pyrovae.datasets.sparse.rows import SparseRows, is_sparse, sparse_rows
from pyrovae.datasets.sparse.split import OpenSparseSplit
from pyrovae.datasets.tensor_split import OpenTensorSplit
from pyrovae.datasets.tensors import as_tensor

__all__ = ["Cells", "divide_rows", "is_cells", "load_cells", "open_cells"]


class Cells(Protocol):
    """As much of an AnnData as is used here."""

    X: Any
    obs: Any
    obsm: Any
    layers: Any


def load_cells(
    cells: str | os.PathLike[str] | Cells,
    *,
    layer: str | None = None,
    categories: Sequence[str] = (),
    numbers: Sequence[str] = (),
    offset: bool = False,
    labels: str | None = None,
    validation: Amount = 0.1,
    test: Amount = 0.1,
    data_seed: int = 0,
    like: Mapping[str, Any] | None = None,
) -> Data:
    r"""Reads counts of cells, and their covariates, from an AnnData or its file.

    Sparse counts stay sparse: a batch at a time is dense. With covariates or an offset each batch
    is ``(x, y)``, y rows of floating numbers as `Covariates` and a `ConditionalVAE` read them: the
    number of each category, then the numbers, then the offset
    :math:`\log \sum_d x_d` less its mean over the cells, where `OffsetLikelihood` looks for it.

    Args:
        cells: An ``AnnData`` (anything with ``X``, ``obs`` and ``layers`` as it has them), or the
            path of a ``.h5ad`` file, for which ``anndata`` has to be installed.
        layer: Which layer has the counts; ``X`` if left out.
        categories: Columns of ``obs`` that are categories, such as the batch.
        numbers: Columns of ``obs`` that are numbers.
        offset: Whether the logarithm of each cell's total is a covariate.
        labels: The column of ``obs`` with classes, for figures and the like.
        validation: How much is kept aside to choose by, a number of cells or a share.
        test: How much is kept aside to report on, likewise.
        data_seed: The seed of the random division.
        like: The ``record`` of the data that a model was trained with, for other cells that it is to
            read: categories keep their numbers (new ones come behind them) and offsets their mean.

    Returns:
        The data; ``record`` has the names of the categories (as a list for each column) and the
        mean that was taken from the offsets.

    Raises:
        ValueError: If there are no such columns or layer, a column is missing values, a cell has no
            counts where an offset is asked for, or the values are no data.
    """
    name = os.fspath(cells) if isinstance(cells, str | os.PathLike) else "cells"
    found = open_cells(cells)
    if layer is not None and layer not in found.layers:
        raise ValueError(f"layer: expected one of {list(found.layers)}, got {layer!r}")
    try:
        x = _counts(found.X if layer is None else found.layers[layer])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    known = dict((like or {}).get("categories") or {})
    columns, names = [], {}
    for column in categories:
        values = _column(found, column, len(x))
        codes, names[column] = _categories(values, known.get(column, ()))
        columns.append(codes)
    columns += [_numbers(_column(found, column, len(x)), column) for column in numbers]
    record: dict[str, Any] = {"source": name, "categories": names, "numbers": list(numbers)}
    if offset:
        totals = _log_totals(x)
        center = (like or {}).get("offset_mean")
        center = totals.mean().item() if center is None else center
        record["offset_mean"] = center
        columns.append(totals - center)
    y = torch.stack(columns, 1).to(torch.get_default_dtype()) if columns else None
    classes, label_names = None, None
    if labels is not None:
        codes, label_names = _categories(_column(found, labels, len(x)), ())
        classes = codes.long()
    return divide_rows(
        x,
        y,
        classes,
        validation=validation,
        test=test,
        seed=data_seed,
        name=os.path.basename(name),
        label_names=None if label_names is None else tuple(label_names),
        record=record,
    )


def divide_rows(
    x: SparseRows | Tensor,
    y: Tensor | None = None,
    classes: Tensor | None = None,
    *,
    validation: Amount,
    test: Amount,
    seed: int,
    name: str,
    label_names: tuple[str, ...] | None = None,
    record: dict[str, Any] | None = None,
) -> Data:
    """Divides rows of counts at random, as sparse as they are.

    Args:
        x: The rows.
        y: What goes with them in a batch, ``(N, ...)``.
        classes: Integers, ``(N,)``.
        validation: The validation data, a number or a share.
        test: The test data, likewise.
        seed: The seed of the permutation.
        name: What the data are called in reports.
        label_names: The names of the classes.
        record: What is to be added to the record.

    Raises:
        ValueError: If nothing is left to train on.
    """
    indices = split_indices(len(x), validation=validation, test=test, seed=seed)
    splits: dict[str, Any] = {
        role: _split(x, y, classes, index)
        for role, index in zip(("train", "validation", "test"), indices, strict=True)
        if len(index)
    }
    record = {"source": name, "partition": "random", "seed": seed} | (record or {})
    return Data(**splits, name=name, label_names=label_names, record=record)


def _split(
    x: SparseRows | Tensor, y: Tensor | None, classes: Tensor | None, index: Tensor
) -> OpenSparseSplit | OpenTensorSplit:
    given = () if y is None else (y[index],)
    labels = None if classes is None else classes[index]
    if isinstance(x, SparseRows):
        return OpenSparseSplit(x.take(index), *given, labels=labels)
    # Counts, and no grey levels, whatever their type.
    return OpenTensorSplit(x[index].to(torch.get_default_dtype()), *given, labels=labels)


def _counts(matrix: Any) -> SparseRows | Tensor:
    if matrix is None:
        raise ValueError("x: expected a matrix of counts, got none")
    return sparse_rows(matrix) if is_sparse(matrix) else as_tensor(np.asarray(matrix), name="x")


def _column(cells: Any, name: str, n: int) -> Any:
    if name not in cells.obs:
        raise ValueError(f"obs: expected one of its columns {list(cells.obs)}, got {name!r}")
    given = cells.obs[name]
    column = np.asarray(given)
    if column.shape != (n,):
        raise ValueError(
            f"obs: expected a value for each of {n} cells in {name!r}, got shape {column.shape}"
        )
    if np.ma.is_masked(given) or any(map(_is_missing, column)):
        raise ValueError(f"obs: expected a value for each cell in {name!r}, but some are missing")
    return column


def _is_missing(value: Any) -> bool:
    """Whether a value is None or, as NaN and NaT are, not equal to itself."""
    try:
        return value is None or bool(value != value)  # noqa: PLR0124
    except TypeError:  # pandas.NA, of which that is not known
        return True
    except ValueError:  # several values
        return False


def _categories(column: Any, known: Sequence[str]) -> tuple[Tensor, list[str]]:
    """The number of each value, those that were known first, and the names by number."""
    values = [str(value) for value in column]
    names = [*known, *sorted(set(values) - set(known))]
    place = {name: i for i, name in enumerate(names)}
    return torch.tensor([place[value] for value in values], dtype=torch.float64), names


def _numbers(column: Any, name: str) -> Tensor:
    try:
        if (
            column.dtype.kind not in "biufOSU"
        ):  # NumPy makes numbers of dates and complex ones, too
            raise TypeError
        found = torch.from_numpy(np.asarray(column, dtype=np.float64).copy())
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"obs: expected numbers in {name!r}, got {column[0]!r:.60}") from None
    odd = ~found.to(torch.get_default_dtype()).isfinite()
    if bool(odd.any()):
        raise ValueError(
            f"obs: expected finite numbers in {name!r}, got values such as {found[odd][0].item()} "
            f"in {int(odd.sum())} cells"
        )
    return found


def _log_totals(x: SparseRows | Tensor) -> Tensor:
    totals = x.totals() if isinstance(x, SparseRows) else x.double().sum(1)
    empty = int((totals <= 0).sum())
    if empty:
        raise ValueError(
            f"offset: expected counts in each cell, but {empty} cells have none: remove them"
        )
    return totals.log()


def is_cells(data: Any) -> bool:
    """Whether something is an AnnData, or the path of one's file."""
    if isinstance(data, str | os.PathLike):
        return os.fspath(data).lower().endswith(".h5ad")
    return all(hasattr(data, name) for name in ("X", "obs", "obsm", "layers"))


def open_cells(cells: Any) -> Any:
    """An AnnData, read from its file if it is the path of one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is neither, or anndata is not installed.
    """
    if not is_cells(cells):
        raise ValueError(f"cells: expected an AnnData or a .h5ad file, got {cells!r:.60}")
    if not isinstance(cells, str | os.PathLike):
        return cells
    if not os.path.exists(cells):
        raise FileNotFoundError(f"expected data at {os.fspath(cells)!r}, found no such file")
    try:
        import anndata
    except ImportError:
        raise ValueError(
            f"{os.fspath(cells)}: reading it needs anndata: pip install 'pyrovae[cells]'"
        ) from None
    try:
        return anndata.read_h5ad(cells)
    except Exception as error:  # noqa: BLE001
        # HDF5, and all that is read of what stands in it, fail in many ways.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{os.fspath(cells)}: expected a .h5ad file, but {reason}") from None
