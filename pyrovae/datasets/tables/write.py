"""From tensors back to a table: names, levels, units and types as they were."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from pyrovae.columns import Column
from pyrovae.datasets.tables.frames import Values, pandas

__all__ = ["as_frame", "fill_frame"]

# Types that values of a kind are sure to fit, whoever wrote them down.
FLOATING = re.compile(r"float(32|64)|Float(32|64)")
WHOLE = re.compile(r"(u?)int(8|16|32|64)|(U?)Int(8|16|32|64)")
LEVELLED = re.compile(
    r"u?int(8|16|32|64)|U?Int(8|16|32|64)|bool|boolean|category|str|string|object"
)


def as_frame(rows: Tensor, columns: Sequence[Column]) -> Any:
    """Makes a data frame of rows, such as those that a model has generated.

    Args:
        rows: Values as `load_data` gives those of a table, ``(n, D)``.
        columns: The table's: those of the data, or of the model's likelihood.

    Returns:
        A data frame of pandas, with the names, levels and types that the columns had.

    Raises:
        ValueError: If there are not as many values in a row as there are columns.
    """
    if rows.dim() != 2 or rows.shape[1] != len(columns):
        raise ValueError(
            f"expected rows of shape (n, {len(columns)}), one value for each column, got "
            f"{tuple(rows.shape)}"
        )
    pd = pandas()
    values = rows.detach().cpu().numpy()
    return pd.DataFrame(
        {
            column.name: pd.Series(
                _decoded(column, values[:, i]), dtype=_dtype(column, values[:, i])
            )
            for i, column in enumerate(columns)
        }
    )


def fill_frame(frame: Any, rows: Tensor, columns: Sequence[Column]) -> Any:
    """Fills the gaps of a data frame; what is there, columns of no model included, stays.

    Args:
        frame: The data frame.
        rows: What goes into its gaps, ``(n, D)``: as many rows.
        columns: The columns that these are of.

    Returns:
        Another data frame.
    """
    pd = pandas()
    filled = frame.copy()
    values = rows.detach().cpu().numpy()
    for i, column in enumerate(columns):
        missing = frame[column.name].isna().to_numpy()
        if not missing.any():
            continue
        old, new = frame[column.name], _decoded(column, values[:, i])
        mixed = old.to_numpy(dtype=object).copy()
        mixed[missing] = np.asarray(new, dtype=object)[missing]
        cells = mixed.tolist()
        if column.whole or all(type(level) is int for level in column.levels or [""]):
            cells = [int(v) for v in cells]  # gaps had made them floating
        kept = hasattr(old.dtype, "categories")
        series = pd.Series(cells, index=frame.index, dtype=old.dtype if kept else None)
        filled[column.name] = series
    return filled


def _decoded(column: Column, values: Values) -> list[Any]:
    """Plain values in the column's units."""
    if column.levels is not None:
        last = len(column.levels) - 1
        return [column.levels[min(max(round(code), 0), last)] for code in values.tolist()]
    if column.whole:
        least = 1 if column.kind == "positive" else None
        return [max(round(v), least) if least else round(v) for v in values.tolist()]
    # As many digits as there are: 0.1, and not what single precision makes of it.
    return [float(str(value)) for value in values]


def _dtype(column: Column, values: Values) -> str | None:
    """The type that the column gets in pandas; None leaves it to the values."""
    dtype = column.dtype or ""
    if column.levels is not None:
        texts = all(isinstance(level, str) for level in column.levels)
        bools = all(isinstance(level, bool) for level in column.levels)
        numbers = all(type(level) is int for level in column.levels)
        fits = {
            "category": True,
            "bool": bools,
            "boolean": bools,
            "str": texts,
            "string": texts,
            "object": texts,
        }
        return dtype if fits.get(dtype, numbers and bool(WHOLE.fullmatch(dtype))) else None
    if column.whole:
        bounds = np.iinfo(dtype.lower()) if WHOLE.fullmatch(dtype) else None
        fit = bounds is not None and values.min() >= bounds.min and values.max() <= bounds.max
        return dtype if fit else None
    return dtype if FLOATING.fullmatch(dtype) else None
