"""Counts of cells with what is known of them, in AnnData's form."""

import math
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
    matrix = found.X if layer is None else found.layers[layer]
    x = sparse_rows(matrix) if is_sparse(matrix) else as_tensor(np.asarray(matrix), name="x")
    known = dict((like or {}).get("categories") or {})
    columns, names = [], {}
    for column in categories:
        codes, names[column] = _categories(_column(found, column), known.get(column, ()))
        columns.append(codes)
    columns += [_numbers(_column(found, column), column) for column in numbers]
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
        codes, label_names = _categories(_column(found, labels), ())
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


def _column(cells: Any, name: str) -> Any:
    if name not in cells.obs:
        raise ValueError(f"obs: expected one of its columns {list(cells.obs)}, got {name!r}")
    column = np.asarray(cells.obs[name])
    if any(isinstance(value, float) and math.isnan(value) for value in column.tolist()):
        raise ValueError(f"obs: expected a value for each cell in {name!r}, some are missing")
    return column


def _categories(column: Any, known: Sequence[str]) -> tuple[Tensor, list[str]]:
    """The number of each value, those that were known first, and the names by number."""
    values = [str(value) for value in column]
    names = [*known, *sorted(set(values) - set(known))]
    place = {name: i for i, name in enumerate(names)}
    return torch.tensor([place[value] for value in values], dtype=torch.float64), names


def _numbers(column: Any, name: str) -> Tensor:
    try:
        return torch.from_numpy(np.asarray(column, dtype=np.float64).copy())
    except ValueError:
        raise ValueError(f"obs: expected numbers in {name!r}, got {column[0]!r:.60}") from None


def _log_totals(x: SparseRows | Tensor) -> Tensor:
    totals = x.totals() if isinstance(x, SparseRows) else x.double().sum(1)
    empty = int((totals <= 0).sum())
    if empty:
        raise ValueError(
            f"offset: expected counts in each cell, {empty} have none: leave them out"
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
    except (OSError, KeyError, TypeError) as error:
        raise ValueError(f"{os.fspath(cells)}: it is no .h5ad file: {error}") from None
