"""From a table to tensors: numbers as they are, levels by their numbers, and what is missing."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyrovae.columns import LEVELLED, Column, read_columns
from pyrovae.datasets.data import Data
from pyrovae.datasets.partition import Amount, split_indices
from pyrovae.datasets.tables.frames import Series, Values, check_frame, is_frame, read_frame
from pyrovae.datasets.tables.kinds import (
    IGNORE,
    LARGEST_COUNT,
    Kind,
    asked_kinds,
    guess,
    number_levels,
    observed_levels,
)
from pyrovae.datasets.tensor_split import TensorSplit

__all__ = ["AskedColumns", "read_rows", "read_table"]

#: What may be said of a table's columns: kinds, or all that a model knows of them.
AskedColumns = str | Mapping[str, str] | Sequence[Column]

# A standard deviation has to be so many steps of single precision.
FEWEST_STEPS = 100
LARGEST_LOG = 40.0


def read_table(
    source: Any,
    *,
    columns: AskedColumns | None = None,
    validation: Amount,
    test: Amount,
    seed: int,
) -> Data:
    """Reads a table and divides its rows at random.

    A datum is a row ``(D,)`` in the columns' own units, levels as their numbers. Where a value is
    missing anywhere in the table, batches are ``(x, mask)``, as a `MissingDataVAE` takes them.

    Args:
        source: A .csv or .parquet file, or a data frame.
        columns: What is known of the columns: kinds of some, the others being guessed
            (`asked_kinds`), or the columns of a model, which the table has to have.
        validation: The validation data: an int is their number, a float their fraction.
        test: The test data, likewise.
        seed: The seed of the division.

    Raises:
        ValueError: If the table cannot be used; a column is named, and what to do is said.
    """
    frame, where = _frame_of(source)
    known = None
    if columns is None or isinstance(columns, str | Mapping):
        read = _columns_of(frame, where, asked_kinds(columns))
    else:
        read = known = read_columns(tuple(columns))
    x, mask = _rows(frame, read, where)
    indices = split_indices(len(x), validation=validation, test=test, seed=seed)
    if known is None:
        read = _fitted(read, x[indices[0]], mask[indices[0]], where)
    gaps = not bool(mask.all())
    x = _filled(x, mask, read)
    splits: dict[str, Any] = {
        role: TensorSplit(x[index], *([mask[index]] if gaps else []))
        for role, index in zip(("train", "validation", "test"), indices, strict=True)
        if len(index)
    }
    record = {"source": where, "partition": "random", "seed": seed}
    return Data(**splits, name=Path(where).stem, columns=read, record=record)


def read_rows(source: Any, columns: Sequence[Column]) -> TensorSplit:
    """Reads all rows of a table in their order, with the columns of a model.

    Args:
        source: A .csv or .parquet file, or a data frame, with these columns and perhaps others.
        columns: The columns.

    Returns:
        The rows, ``(x, mask)`` where a value is missing.

    Raises:
        ValueError: If a column is not there, or has values that the model's cannot have.
    """
    frame, where = _frame_of(source)
    x, mask = _rows(frame, columns, where)
    return TensorSplit(_filled(x, mask, columns), *([] if bool(mask.all()) else [mask]))


def _frame_of(source: Any) -> tuple[Any, str]:
    if is_frame(source):
        check_frame(source, "frame")
        return source, "frame"
    if not isinstance(source, str | os.PathLike):
        raise ValueError(
            f"expected the path of a table or a data frame, got {type(source).__name__}"
        )
    return read_frame(source), str(source)


def _columns_of(frame: Any, where: str, asked: Mapping[str, Kind]) -> tuple[Column, ...]:
    """The columns by what was said and guessed, without moments."""
    unknown = [name for name in asked if name not in frame.columns]
    if unknown:
        names = ", ".join(map(str, frame.columns))
        raise ValueError(f"columns: {where} has no column {unknown[0]!r}, but {names:.200}")
    read, faults = [], []
    for name in frame.columns:
        try:
            kind = asked.get(name) or guess(name, frame[name])
            if kind.kind != IGNORE:
                read.append(_column(name, frame[name], kind))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError(f"{where}: {'; '.join(faults)}")
    if not read:
        raise ValueError(f"{where}: expected at least one column that is not left out")
    return tuple(read)


def _column(name: str, series: Series, kind: Kind) -> Column:
    missing = series.isna().to_numpy()
    if missing.all():
        raise ValueError(f"column {name!r} holds nothing: leave it out ({name}={IGNORE})")
    dtype = str(series.dtype)
    if kind.kind in LEVELLED:
        levels = kind.levels or observed_levels(name, series, kind.kind)
        if kind.levels and getattr(series.dtype, "kind", "O") in "iuf":  # said as text
            seen = {str(v): v for v in observed_levels(name, series, "categorical")}
            levels = tuple(seen.get(str(level), level) for level in levels)
        return Column(name, kind.kind, levels=levels, dtype=dtype)
    values = _numbers(name, series)[~missing]
    floating = getattr(series.dtype, "kind", "O") == "f" and not missing.any()
    whole = not floating and bool((np.floor(values) == values).all())
    return Column(name, kind.kind, whole=whole or kind.kind == "count", dtype=dtype)


def _rows(frame: Any, columns: Sequence[Column], where: str) -> tuple[Tensor, Tensor]:
    """The rows in double precision, and which values are there."""
    lacking = [column.name for column in columns if column.name not in frame.columns]
    if lacking:
        raise ValueError(f"{where}: expected a column {lacking[0]!r}, but it is missing")
    found, faults = [], []
    for column in columns:
        try:
            found.append(_values(column, frame[column.name]))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError(f"{where}: {'; '.join(faults)}")
    x = torch.from_numpy(np.stack(found, axis=1))
    return x, ~x.isnan()


def _values(column: Column, series: Series) -> Values:
    """A column's numbers, or the numbers of its levels; NaN where a value is missing."""
    if column.levels is None:
        values = _numbers(column.name, series)
        _check_numbers(column, values[~np.isnan(values)])
        return values
    missing = series.isna().to_numpy()
    numbers = number_levels(column.levels)
    values = np.full(len(missing), np.nan)
    objects = series.to_numpy(dtype=object)[~missing]
    codes = [numbers.get(v, numbers.get(str(v), -1)) for v in objects.tolist()]
    if -1 in codes:
        levels = ", ".join(map(str, column.levels[:10]))
        raise ValueError(
            f"column {column.name!r}: expected one of {levels:.200}, got {objects[codes.index(-1)]!r:.60}"
        )
    values[~missing] = codes
    return values


def _numbers(name: str, series: Series) -> Values:
    kind = getattr(series.dtype, "kind", "O")
    try:
        return series.to_numpy(dtype="float64", na_value=np.nan)
    except (ValueError, TypeError):
        odd = next(
            (v for v in series.to_numpy(dtype=object) if not isinstance(v, int | float)), kind
        )
        raise ValueError(f"column {name!r}: expected numbers, got {odd!r:.60}") from None


def _check_numbers(column: Column, values: Values) -> None:
    name, kind = column.name, column.kind
    if not len(values):
        return
    if not np.isfinite(values).all():
        raise ValueError(f"column {name!r}: expected finite numbers, got infinite ones")
    if kind == "positive" and (values <= 0).any():
        odd = values[values <= 0][0]
        raise ValueError(f"column {name!r}: expected numbers above 0, got {odd:g}")
    if kind == "positive" and (np.abs(np.log(values)) > LARGEST_LOG).any():
        raise ValueError(f"column {name!r}: expected numbers from 1e-17 to 1e17: use another unit")
    if kind == "count" and ((values < 0) | (values % 1 != 0)).any():
        odd = values[(values < 0) | (values % 1 != 0)][0]
        raise ValueError(f"column {name!r}: expected whole numbers of at least 0, got {odd:g}")
    if kind == "count" and values.max() >= LARGEST_COUNT:
        raise ValueError(
            f"column {name!r}: expected counts below {LARGEST_COUNT}, which single precision "
            f"holds, got {values.max():g}: say {name}=positive"
        )
    if kind == "real":
        step = float(np.spacing(np.float32(np.abs(values).max())))
        if np.std(values) < FEWEST_STEPS * step and np.std(values) > 0:
            raise ValueError(
                f"column {name!r}: single precision cannot distinguish its values (mean "
                f"{values.mean():g}, standard deviation {np.std(values):.3g}): subtract an offset"
            )


def standard(kind: str, values: Tensor) -> Tensor:
    """The scale on which a kind of number is standardised."""
    if kind == "positive":
        return values.log()
    return values.log1p() if kind == "count" else values


def _fitted(columns: Sequence[Column], x: Tensor, mask: Tensor, where: str) -> tuple[Column, ...]:
    """The columns with the moments of the training data."""
    fitted = []
    for i, column in enumerate(columns):
        values = x[mask[:, i], i]
        if not len(values):
            raise ValueError(
                f"{where}: column {column.name!r} holds nothing in the training data: leave it "
                f"out ({column.name}={IGNORE})"
            )
        if column.levels is None:
            values = standard(column.kind, values)
            scale = float(values.std(correction=0))
            column = replace(column, loc=float(values.mean()), scale=scale if scale > 0 else 1.0)
        fitted.append(column)
    return tuple(fitted)


def _filled(x: Tensor, mask: Tensor, columns: Sequence[Column]) -> Tensor:
    """The rows as floating numbers, with a value that each column may have where one is missing."""
    fill = [
        c.loc if c.kind == "real" else math.exp(c.loc) if c.kind == "positive" else 0.0
        for c in columns
    ]
    filled = torch.where(mask, x, torch.tensor(fill, dtype=x.dtype))
    return filled.to(torch.get_default_dtype())
