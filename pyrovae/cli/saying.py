"""What is shown and written: text that may be a stranger's does nothing but stand there."""

import csv
import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TextIO

from pyrovae.cli.several import is_first

__all__ = ["printable", "say", "write_columns", "write_table"]

# What a spreadsheet takes for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def printable(text: str, *, lines: bool = True) -> str:
    """Text in which control characters (a terminal would obey them) are written out.

    Args:
        text: The text.
        lines: Whether line breaks stay as they are.
    """
    return "".join(
        character
        if (lines and character == "\n")
        or not unicodedata.category(character) in ("Cc", "Cf", "Cs")
        else character.encode("unicode_escape").decode()
        for character in text
    )


def say(text: str, *, file: TextIO | None = None) -> None:
    """Prints text that may be a stranger's; of several processes the first one does."""
    if is_first():
        print(printable(text), file=file or sys.stdout)


def cell(value: object) -> object:
    """A value for a table: text that a spreadsheet would run is quoted, numbers are not text."""
    if not isinstance(value, str):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}" if value.startswith(FORMULA) else value
    return value


def write_table(path: str | os.PathLike[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Writes rows as comma-separated values with a header, in one move; of no rows an empty file."""
    from pyrovae.files import atomic

    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([cell(name) for name in row] for row in rows[:1])
        writer.writerows([[cell(value) for value in row.values()] for row in rows])


def write_columns(path: str | os.PathLike[str], columns: Mapping[str, Sequence[object]]) -> None:
    """Writes what is known of each datum, by name, as a table with a row a datum."""
    rows = zip(*columns.values(), strict=True)
    write_table(
        path,
        [{"datum": i} | dict(zip(columns, row, strict=True)) for i, row in enumerate(rows)],
    )
