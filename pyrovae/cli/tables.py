"""Runs on tables: what is trained if nothing is said, and the tables that commands write."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import torch
from torch import Tensor

from pyrovae.cli.errors import UsageError
from pyrovae.cli.images import AT_ONCE
from pyrovae.cli.saying import say, write_table
from pyrovae.columns import Column
from pyrovae.datasets import Data, as_frame
from pyrovae.datasets.tables import is_table
from pyrovae.files import atomic, check_writable

__all__ = ["check_table", "said_kinds", "usual", "write_frame", "write_synthetic"]

#: What is trained on a table where no class is named.
USUAL = {
    "model": {"class_path": "pyrovae.models.MissingDataVAE"},
    "likelihood": {"class_path": "pyrovae.likelihoods.ColumnsLikelihood"},
}


def usual(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of training with the classes that a table is modelled by, if the data are one."""
    chosen = dict(options)
    if is_table(options["data"]):
        chosen |= {name: spec for name, spec in USUAL.items() if options[name] is None}
    return chosen


def said_kinds(data: Data, asked: Mapping[str, str] | None) -> dict[str, str] | None:
    """What a table's columns were taken for, as it may be said; None for other data."""
    if data.columns is None:
        return None
    left_out = {name: kind for name, kind in (asked or {}).items() if kind == "ignore"}
    return {column.name: _said(column) for column in data.columns} | left_out


def _said(column: Column) -> str:
    texts = [level for level in column.levels or () if isinstance(level, str)]
    ordered = column.kind == "ordinal" and texts and not any("<" in text for text in texts)
    return "<".join(map(str, column.levels or ())) if ordered else column.kind


def check_table(out: str) -> None:
    """Raises where the name of a file does not say how a table is to be written.

    Raises:
        UsageError: If it does not.
    """
    if not is_table(out):
        raise UsageError("--out", "a file name that ends in .csv or .parquet", out)


def write_frame(frame: Any, out: str) -> None:
    """Writes a data frame. Text that a spreadsheet would run stands quoted in a .csv."""
    if Path(out).suffix.lower() == ".parquet":
        with atomic(out) as temporary:
            frame.to_parquet(temporary, index=False)
    else:
        names = list(frame.columns)
        columns = [_cells(frame[name]) for name in names]
        write_table(
            out, [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        )
    say(f"{out}: {len(frame)} rows, {len(frame.columns)} columns")


def _cells(series: Any) -> list[Any]:
    missing = series.isna().to_numpy()
    values = series.to_numpy(dtype=object)
    return np.where(missing, "", values).tolist()


def write_synthetic(
    model: Any, columns: tuple[Column, ...], n: int, out: str, *, seed: int
) -> None:
    """Writes rows that a model draws, each with its names, units, types and levels."""
    check_writable(out)
    parts: list[Tensor] = []
    with torch.random.fork_rng(devices=[]):
        pyro.set_rng_seed(seed)
        for start in range(0, n, AT_ONCE):
            parts.append(model.sample(min(AT_ONCE, n - start), draw=True).cpu())
    write_frame(as_frame(torch.cat(parts), columns), out)
