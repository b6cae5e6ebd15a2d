"""What the columns of a table hold: what was asked for, or a guess by their values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyrovae.columns import KINDS, MOST_LEVELS, Level
from pyrovae.datasets.tables.frames import Series, Values

__all__ = ["IGNORE", "Kind", "asked_kinds", "guess", "number_levels", "observed_levels"]

#: What leaves a column out.
IGNORE = "ignore"
#: Text of more values than this is no category unless it is said to be one.
MOST_GUESSED = 50
#: Whole numbers from 1 to at most this are the levels of a scale.
LONGEST_SCALE = 10
#: Counts above this are not whole in single precision.
LARGEST_COUNT = 2**24
DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([ T].*)?")


@dataclass(frozen=True)
class Kind:
    """What a column holds.

    Attributes:
        kind: One of `KINDS`, or `IGNORE`.
        levels: Its levels in their order, where that was said.
    """

    kind: str
    levels: tuple[Level, ...] | None = None


def asked_kinds(asked: str | Mapping[str, str] | None) -> dict[str, Kind]:
    """Reads what was said of columns.

    Args:
        asked: ``"age=count,size=small<medium<large"``, or the same as a mapping. Levels with
            ``<`` between them are those of an ordinal column in their order.

    Raises:
        ValueError: If it is none of these, or names no kind.
    """
    if isinstance(asked, str):
        pairs = [part.rpartition("=") for part in asked.split(",") if part.strip()]
        asked = {name.strip(): kind for name, _, kind in pairs}
    if not isinstance(asked or {}, Mapping):
        raise ValueError(f"columns: expected name=kind,name=kind, got {asked!r:.80}")
    return {str(name): _asked(name, kind) for name, kind in (asked or {}).items()}


def _asked(name: Any, kind: Any) -> Kind:
    word = kind.strip() if isinstance(kind, str) else kind
    if isinstance(word, str) and "<" in word:
        levels = tuple(level.strip() for level in word.split("<"))
        if len(set(levels)) == len(levels) and all(levels):
            return Kind("ordinal", levels)
    if not name or word not in (*KINDS, IGNORE):
        raise ValueError(
            f"columns: expected name=kind with a kind among {', '.join(KINDS)} or {IGNORE}, or "
            f"levels in their order (small<medium<large), got {f'{name}={kind}'!r:.80}"
        )
    return Kind(word)


def guess(name: str, series: Series) -> Kind:
    """Guesses what a column holds.

    * Two values: binary. Text and pandas' categories: categorical, or ordinal where pandas has
      them ordered.
    * Whole numbers: ordinal from 1 to at most 10; counts from 0 whose variance a count's can be.
    * Other numbers: positive where all are, and they are skewed, more than their logarithms; else
      real.

    Raises:
        ValueError: If it holds dates, text that is no category, the numbers of the rows, or
            nothing. It is said what to do.
    """
    kind = getattr(series.dtype, "kind", "O")
    missing = series.isna().to_numpy()
    if missing.all():
        raise ValueError(f"column {name!r} holds nothing: leave it out ({name}={IGNORE})")
    if kind in "Mm":
        raise _refused_date(name)
    if kind in "iuf":
        return _guess_number(name, series.to_numpy(dtype="float64", na_value=np.nan)[~missing])
    if hasattr(series.dtype, "categories"):
        levels = tuple(map(_plain, series.dtype.categories))
        ordered = series.dtype.ordered and len(levels) > 2
        return Kind("ordinal" if ordered else _levelled(len(levels)), levels)
    values = series.to_numpy(dtype=object)[~missing]
    texts = [value for value in values[:1000] if isinstance(value, str)]
    if texts and all(map(DATE.fullmatch, texts)):
        raise _refused_date(name)
    distinct = len(set(values.tolist()))
    if distinct > MOST_GUESSED:
        raise ValueError(
            f"column {name!r} is text of {distinct} different values, which a model of columns "
            f"cannot learn: leave it out ({name}={IGNORE}), or say {name}=categorical if they "
            "are categories"
        )
    return Kind(_levelled(distinct))


def _guess_number(name: str, values: Values) -> Kind:
    distinct = np.unique(values)
    if len(distinct) <= 2:
        return Kind(_levelled(len(distinct)))
    if not np.isfinite(values).all():
        return Kind("real")  # refused where the values are read
    if (values % 1 == 0).all():
        low, high = int(distinct[0]), int(distinct[-1])
        if len(distinct) == len(values) == high - low + 1 and len(values) > LONGEST_SCALE:
            raise ValueError(
                f"column {name!r} numbers the rows: leave it out ({name}={IGNORE}), or say what "
                f"it is ({name}=real)"
            )
        if low == 1 and high == len(distinct) <= LONGEST_SCALE:
            return Kind("ordinal")
        if low >= 0 and high < LARGEST_COUNT and values.var() >= values.mean() / 2:
            return Kind("count")
    if distinct[0] > 0 and _skewness(values) > max(1, abs(_skewness(np.log(values)))):
        return Kind("positive")
    return Kind("real")


def _skewness(values: Values) -> float:
    centred = values - values.mean()
    scale = centred.std()
    return float(((centred / scale) ** 3).mean()) if scale > 0 else 0.0


def _levelled(number: int) -> str:
    return "binary" if number == 2 else "categorical"


def observed_levels(name: str, series: Series, kind: str) -> tuple[Level, ...]:
    """The values of a column of levels, sorted.

    Raises:
        ValueError: If they are too many for the kind, or text without an order for an ordinal one.
    """
    if hasattr(series.dtype, "categories"):
        levels = tuple(map(_plain, series.dtype.categories))
    else:
        missing = series.isna().to_numpy()
        values = [_plain(v) for v in set(series.to_numpy(dtype=object)[~missing].tolist())]
        levels = tuple(sorted(values, key=lambda v: (isinstance(v, str), v)))
    if kind == "ordinal" and any(isinstance(level, str) for level in levels):
        ordered = getattr(series.dtype, "ordered", False)
        if not ordered:
            words = "<".join(map(str, levels[:3]))
            raise ValueError(
                f"column {name!r} is text, whose order is unknown: specify it ({name}={words})"
            )
    most = 2 if kind == "binary" else MOST_LEVELS
    if not (2 if kind == "binary" else 1) <= len(levels) <= most:
        number = "2" if kind == "binary" else f"at most {MOST_LEVELS}"
        raise ValueError(
            f"column {name!r}: expected {number} values for {kind}, got {len(levels)}"
        )
    return levels


def number_levels(levels: tuple[Level, ...]) -> dict[Level, int]:
    """The number of each level, and of its text where no other level is that."""
    return {str(v): i for i, v in enumerate(levels)} | {v: i for i, v in enumerate(levels)}


def _plain(value: Any) -> Level:
    """A value as a plain one; whole numbers that gaps have made floating are whole again."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | int | float | bool) else str(value)


def _refused_date(name: str) -> ValueError:
    return ValueError(
        f"column {name!r} holds dates, which a model of columns does not read: make numbers of "
        f"them (days since one, the month), or leave it out ({name}={IGNORE})"
    )
