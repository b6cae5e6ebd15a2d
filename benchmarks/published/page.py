"""The documentation's table, made from the rows."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from benchmarks.published.protocols import LOWER_IS_BETTER, Protocol
from pyrovae.files import atomic

__all__ = ["BEGIN", "END", "notes", "table", "verdict", "write_page"]

BEGIN, END = "<!-- made by python -m benchmarks.published --table -->", "<!-- end -->"
WIDTH = 105
WORDS = {
    "elbo": "test ELBO",
    "log_likelihood": "log p(x)",
    "bits_per_dim": "bits per dim",
    "loss": "training loss",
    "accuracy": "accuracy",
}
HEAD = (
    "| result | number | published | here | mc_se | data_se | seed_se | S | epochs | minutes | |",
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table in Markdown."""
    return "\n".join([*HEAD, *map(_line, rows)])


def verdict(row: dict[str, Any]) -> str:
    """Whether a value reaches the published one, and by how much it misses it if not."""
    better = row["value"] - row["published"]
    if row["quantity"] in LOWER_IS_BETTER:
        better = -better
    digits = _digits(row)
    if abs(better) <= row["within"]:
        said = "reached"
    elif better > 0:
        said = f"better by {better:.{digits}f}"
    else:
        said = f"short by {-better:.{digits}f}"
    if row["unfinished"]:
        said += ", stopped before the end of its budget"
    return said


def notes(protocols: Sequence[Protocol]) -> str:
    """Paper, protocol and differences of each result, in Markdown."""
    return "\n\n".join(map(_note, protocols))


def write_page(page: Path, rows: Sequence[dict[str, Any]], protocols: Sequence[Protocol]) -> None:
    """Puts table and notes in their place in a page; what stands around it stays.

    Raises:
        ValueError: If the page has no place for them.
    """
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page}: expected {BEGIN} and {END}, between which the table stands")
    with_rows = {row["name"] for row in rows}
    shown = [protocol for protocol in protocols if protocol.name in with_rows]
    made = f"{BEGIN}\n\n{table(rows)}\n\n{notes(shown)}\n\n{END}"
    with atomic(page) as temporary:
        temporary.write_text(before + made + after, encoding="utf-8")


def _line(row: dict[str, Any]) -> str:
    digits = _digits(row)
    published = f"{row['published']:.{digits}f}".rstrip("0").rstrip(".")
    if row["published_error"]:
        published += f" ({row['published_error']})"
    if row["from_memory"]:
        published += " [M]"
    least, most = min(row["epochs"]), max(row["epochs"])
    epochs = f"{least}" if least == most else f"{least} to {most}"
    if most < row["planned_epochs"]:
        epochs += f" of {row['planned_epochs']}"
    errors = [_number(row[name], digits + 1) for name in ("mc_se", "data_se", "seed_se")]
    cells = [
        f"`{row['name']}`: {row['what']}",
        WORDS[row["quantity"]],
        published,
        f"**{row['value']:.{digits}f}**",
        *errors,
        "" if row["samples"] is None else str(row["samples"]),
        epochs,
        f"{row['minutes']:.0f}",
        verdict(row),
    ]
    return f"| {' | '.join(cells)} |"


def _digits(row: dict[str, Any]) -> int:
    return 3 if row["quantity"] in ("bits_per_dim", "accuracy") else 2


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _note(protocol: Protocol) -> str:
    parts = [
        f"## {protocol.name}",
        f"{protocol.source}",
        f"*Protocol.* {protocol.protocol}",
        f"*What differs.* {protocol.differs}",
    ]
    if protocol.within_reason:
        parts.append(f"*Reached* means within {protocol.within:g} here: {protocol.within_reason}")
    if protocol.found:
        parts.append(f"*What was found.* {protocol.found}")
    return "\n\n".join(fill(part, WIDTH, break_long_words=False) for part in parts)
