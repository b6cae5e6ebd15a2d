"""Data frames of pandas: as much of them as is used here, and the files they are read from."""

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

__all__ = ["Frame", "Series", "Values", "is_frame", "is_table", "pandas", "read_frame"]

#: The endings of files that are read as tables.
SUFFIXES = (".csv", ".parquet")

Values = np.ndarray[Any, Any]


class Series(Protocol):
    """A column of a data frame."""

    dtype: Any

    def isna(self) -> "Series":
        """Which values are missing."""

    def to_numpy(self, dtype: Any = None, *, na_value: Any = None) -> Values:
        """The values as an array."""


class Frame(Protocol):
    """A data frame."""

    columns: Sequence[Any]

    def __len__(self) -> int: ...

    def __getitem__(self, name: str) -> Series: ...


def pandas() -> Any:
    """The package, which reads and makes tables.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ValueError(
            "tables are read by pandas, which is not installed: pip install 'pyrovae[table]'"
        ) from None
    return pandas


def is_table(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a table, by its name."""
    return Path(path).suffix.lower() in SUFFIXES


def is_frame(value: Any) -> bool:
    """Whether a value is a data frame."""
    return type(value).__module__.split(".")[0] == "pandas" and hasattr(value, "columns")


def read_frame(path: str | os.PathLike[str]) -> Any:
    """Reads a table, values and types as pandas has them.

    Args:
        path: A .csv file with a header and commas, or a .parquet file.

    Raises:
        FileNotFoundError: If it is not there.
        ValueError: If it holds no table, two columns of one name, or one without a name.
    """
    pd = pandas()
    if not Path(path).is_file():
        raise FileNotFoundError(f"expected a table at {str(path)!r}, found no such file")
    try:
        if Path(path).suffix.lower() == ".parquet":
            frame = pd.read_parquet(path)
        else:
            header = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False)
            _check_header([str(name) for name in header.iloc[0]])
            _check_names(header.iloc[0])
            frame = _read_csv(pd, path)
    except (ValueError, ImportError) as error:  # pandas' own are ValueErrors
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ValueError(f"{path}: {reason}") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # noqa: BLE001
        # Readers of binary files fail in many ways of their own.
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ValueError(f"{path}: it cannot be read as a table: {reason}") from None
    check_frame(frame, str(path))
    return frame


def check_frame(frame: Any, where: str) -> None:
    """Looks whether a data frame is a table of named columns.

    Raises:
        ValueError: If it has no rows or columns, a name twice, or one that is no text.
    """
    names = list(frame.columns)
    if not names or not len(frame):
        raise ValueError(f"{where}: expected at least one row and one column, got {frame.shape}")
    try:
        _check_names(names)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _check_header(names: Sequence[str]) -> None:
    """Looks whether a file's first row names its columns, and commas separate them."""
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        separator = "semicolons" if ";" in names[0] else "tabs"
        raise ValueError(
            f"expected columns separated by commas, got {separator}: save it with commas"
        )
    if all(map(_is_number, names)):
        raise ValueError(
            f"expected the names of the columns in the first row, got numbers ({names[0]:.20}, "
            "...), which would be lost as data: add a row with names"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_names(names: Iterable[Any]) -> None:
    names = list(names)
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"expected strings as names of columns, got {name!r:.60}")
    if "" in names or any(name.startswith("Unnamed: ") for name in names):
        raise ValueError(
            "a column has no name; if it numbers the rows, leave it out "
            "(frame.to_csv(..., index=False))"
        )
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise ValueError(f"expected different names of columns, got {twice[0]!r:.60} twice")


def _read_csv(pd: Any, path: str | os.PathLike[str]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            # The type of a column by all of its values; no column is taken for names of rows.
            return pd.read_csv(path, low_memory=False, index_col=False)
        except pd.errors.ParserWarning:  # it would drop what is more than the header
            raise ValueError(
                "expected the same number of values in each row as there are names in the first"
            ) from None
