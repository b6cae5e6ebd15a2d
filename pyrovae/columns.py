"""Descriptions of a table's columns: names, kinds, units and levels, as plain values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias

__all__ = [
    "KINDS",
    "LEVELLED",
    "Column",
    "Columns",
    "Level",
    "columns_of",
    "plain_columns",
    "read_columns",
]

#: The kinds of columns, with a description of their values.
KINDS = {
    "real": "any number",
    "positive": "a number above 0",
    "count": "a whole number of at least 0",
    "binary": "one of two values",
    "categorical": "one of several values without an order",
    "ordinal": "one of several values in an order",
}
#: Kinds whose values are levels. In a tensor, a level is its index, from 0.
LEVELLED = ("binary", "categorical", "ordinal")
MOST_COLUMNS, MOST_LEVELS = 10_000, 1000

Level: TypeAlias = str | int | float | bool


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Name of the column.
        kind: One of `KINDS`.
        loc: Mean in the training data, after the transform of `standard`: of the values
            themselves (real), of log x (positive) or of log(1 + x) (count). 0 for levels.
        scale: Standard deviation after the same transform. 1 for levels.
        levels: The possible values, in order; None for numbers.
        whole: Whether the numbers are written as integers.
        dtype: The column's dtype in pandas, which is restored on output; None if unknown.

    Raises:
        ValueError: If these are inconsistent.
    """

    name: str
    kind: str
    loc: float = 0.0
    scale: float = 1.0
    levels: tuple[Level, ...] | None = None
    whole: bool = False
    dtype: str | None = None

    def __post_init__(self) -> None:
        where = f"column {self.name!r:.80}"
        if not isinstance(self.name, str):
            raise ValueError(f"{where}: expected a string as its name")
        if self.kind not in KINDS:
            raise ValueError(f"{where}: expected one of {', '.join(KINDS)}, got {self.kind!r:.80}")
        for what, value in (("loc", self.loc), ("scale", self.scale)):
            if type(value) not in (int, float) or not math.isfinite(value):
                raise ValueError(f"{where}: {what}: expected a finite number, got {value!r:.80}")
        if self.scale <= 0:
            raise ValueError(f"{where}: scale: expected a positive number, got {self.scale}")
        if type(self.whole) is not bool or not isinstance(self.dtype, str | None):
            raise ValueError(f"{where}: expected a bool as whole, and a string or None as dtype")
        self._check_levels(where)

    def _check_levels(self, where: str) -> None:
        levels = self.levels
        if (levels is not None) != (self.kind in LEVELLED):
            needs = "levels" if self.kind in LEVELLED else "no levels"
            raise ValueError(f"{where}: expected {needs} for {self.kind}, got {levels!r:.80}")
        if levels is None:
            return
        if not isinstance(levels, tuple) or any(
            type(v) not in (str, int, float, bool) for v in levels
        ):
            raise ValueError(f"{where}: expected levels that are strings or numbers")
        least, most = (2, 2) if self.kind == "binary" else (1, MOST_LEVELS)
        if not least <= len(levels) <= most or len(set(levels)) < len(levels):
            number = "2" if self.kind == "binary" else f"1 to {MOST_LEVELS}"
            raise ValueError(f"{where}: expected {number} different levels, got {len(levels)}")

    def plain(self) -> dict[str, Any]:
        """Returns the column as plain values, as it is saved in files."""
        values = asdict(self)
        return values | {"levels": None if self.levels is None else list(self.levels)}

    def __str__(self) -> str:
        if self.levels is None or self.kind == "binary":
            return f"{self.name}: {self.kind}"
        return f"{self.name}: {self.kind} of {len(self.levels)}"


#: Columns, or their plain values from `Column.plain`.
Columns: TypeAlias = Sequence[Column | Mapping[str, object]]


def read_columns(columns: Columns) -> tuple[Column, ...]:
    """Converts plain values to columns; columns are kept as they are.

    Raises:
        ValueError: If there are none, two have the same name, or an entry is not a column.
    """
    if not isinstance(columns, list | tuple) or not 1 <= len(columns) <= MOST_COLUMNS:
        raise ValueError(
            f"columns: expected a list of 1 to {MOST_COLUMNS}, such as data.columns of a table, "
            f"got {columns!r:.80}"
        )
    read = tuple(map(_read, columns))
    names = [column.name for column in read]
    twice = (
        sorted({name for name in names if names.count(name) > 1})
        if len(set(names)) < len(names)
        else []
    )
    if twice:
        raise ValueError(f"columns: expected different names, got {twice[0]!r:.80} twice")
    return read


def plain_columns(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Returns columns as plain values, for the recorded arguments of a component."""
    return [column.plain() for column in columns]


def columns_of(model: Any) -> tuple[Column, ...] | None:
    """Returns the columns of the table that a model was made for; None for other data.

    Args:
        model: A torch module.
    """
    for part in model.modules():
        columns = getattr(part, "columns", None)
        if isinstance(columns, tuple) and columns and isinstance(columns[0], Column):
            return columns
    return None


def _read(value: Any) -> Column:
    if isinstance(value, Column):
        return value
    known = {field.name for field in fields(Column)}
    if not isinstance(value, Mapping) or not {"name", "kind"} <= set(value) <= known:
        raise ValueError(
            f"columns: expected name, kind and the other attributes of a column, got {value!r:.80}"
        )
    levels = value.get("levels")
    if levels is not None and not isinstance(levels, list | tuple):
        raise ValueError(f"columns: levels: expected a list, got {levels!r:.80}")
    given: dict[str, Any] = {**value, "levels": None if levels is None else tuple(levels)}
    return Column(**given)
