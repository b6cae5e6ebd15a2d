"""What ``pyrovae impute`` writes."""

from typing import Any

import pyro
import torch
from torch import Tensor

from pyrovae.cli.runs import Run
from pyrovae.cli.tables import write_frame
from pyrovae.datasets.tables import fill_frame, read_frame, read_rows
from pyrovae.files import check_writable
from pyrovae.models import MissingDataVAE

__all__ = ["write_imputed"]

NUMBERED = "imputation"


def write_imputed(
    run: Run, model: Any, out: str, *, draws: int | None, samples: int, seed: int
) -> None:
    """Writes a table with its gaps filled, or several of them below one another.

    Args:
        run: The run.
        model: Its model.
        out: The file.
        draws: How many tables with drawn values; one with means and most probable levels if None.
        samples: Draws of the latents for each row.
        seed: Seed of the draws.

    Raises:
        ValueError: If the model is not one of missing data, or the table is not of its columns.
    """
    columns = run.table_columns()
    if not isinstance(model, MissingDataVAE):
        raise ValueError(
            f"{run.folder}: expected a MissingDataVAE, which can impute, got "
            f"{type(model).__name__}"
        )
    check_writable(out)
    frame = read_frame(run.table_file())
    if draws is not None and NUMBERED in frame.columns:
        raise ValueError(
            f"{run.table_file()}: expected no column {NUMBERED!r}, because imputation adds it"
        )
    x, *rest = read_rows(frame, columns).tensors
    mask = rest[0] if rest else torch.ones_like(x, dtype=torch.bool)
    gaps = ~mask.all(1)
    filled = []
    with torch.random.fork_rng(devices=[]):
        pyro.set_rng_seed(seed)
        for number in range(1, (draws or 1) + 1):
            rows = _imputed(model, x, mask, gaps, samples=samples, draw=draws is not None)
            table = fill_frame(frame, rows, columns)
            if draws is not None:
                table.insert(0, NUMBERED, number)
            filled.append(table)
    write_frame(_stacked(filled), out)


def _imputed(
    model: MissingDataVAE, x: Tensor, mask: Tensor, gaps: Tensor, *, samples: int, draw: bool
) -> Tensor:
    """All rows; those without a gap need no model."""
    rows = x.clone()
    if gaps.any():
        found = model.impute(x[gaps], mask[gaps], samples=samples, draw=draw)
        rows[gaps] = found.to(rows)
    return rows


def _stacked(frames: list[Any]) -> Any:
    if len(frames) == 1:
        return frames[0]
    from pyrovae.datasets.tables.frames import pandas

    return pandas().concat(frames, ignore_index=True)
