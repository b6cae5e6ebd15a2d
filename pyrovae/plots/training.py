"""The course of training."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pyrovae.plots.style import COLOURS, DARK, TEXT_SIZE, new_figure, style_axes

Series = tuple[str, str, float, str]  # label, column, sign, colour

LOSS: Series = ("training objective", "loss", 1.0, COLOURS[0])
BOUND: Series = ("validation −ELBO", "validation_elbo", -1.0, COLOURS[1])
RECONSTRUCTION: Series = (
    "−log p(x|z) (reconstruction)",
    "validation_reconstruction",
    -1.0,
    COLOURS[2],
)
KL: Series = ("KL(q(z|x) ‖ p(z))", "validation_kl", 1.0, COLOURS[4])


def training_curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """The objective and the validation bound against the epoch, in nats per datum.

    Both are losses (lower is better) and share one panel, unless the objective puts a weight on
    the KL (a ``beta`` other than 1 in some row): then they measure different things and have a
    panel each. One more panel shows the parts of the validation bound, the negated reconstruction
    term and the KL, if the history has them. Missing and non-finite values leave gaps.

    Args:
        history: One mapping per epoch with "epoch" and "loss", and optionally "validation_elbo",
            "validation_reconstruction", "validation_kl" and "beta"; one row is enough.

    Returns:
        A figure with one to three panels.

    Raises:
        ValueError: If the history is empty, or a row has no "epoch" or no "loss".
    """
    rows = list(history)
    if not rows:
        raise ValueError("history: expected at least one row, got none")
    for index, row in enumerate(rows):
        missing = [name for name in ("epoch", "loss") if name not in row]
        if missing:
            raise ValueError(f"each row needs 'epoch' and 'loss', got {list(row)} in row {index}")

    weighted = any(row.get("beta") not in (None, 1) for row in rows)
    if weighted:
        panels = [("Training objective (with beta)", [LOSS]), ("Validation −ELBO", [BOUND])]
    else:
        panels = [("Objective and validation bound", [LOSS, BOUND])]
    panels.append(("Parts of the validation bound", [RECONSTRUCTION, KL]))
    drawn = [(title, _present(series, rows)) for title, series in panels]
    drawn = [(title, series) for title, series in drawn if series]
    if drawn[0][1] == [LOSS] and not weighted:
        drawn[0] = ("Training objective", [LOSS])

    figure = new_figure(4.2 * len(drawn), 3.2)
    for position, (title, series) in enumerate(drawn, start=1):
        axes = figure.add_subplot(1, len(drawn), position)
        _draw(axes, rows, series)
        style_axes(axes, title=title)
    return figure


def _present(series: Sequence[Series], rows: Sequence[Mapping[str, Any]]) -> list[Series]:
    return [s for s in series if s is LOSS or any(row.get(s[1]) is not None for row in rows)]


def _draw(axes: Axes, rows: Sequence[Mapping[str, Any]], series: Sequence[Series]) -> None:
    for label, column, sign, colour in series:
        points = [(row["epoch"], row[column]) for row in rows if row.get(column) is not None]
        epochs = [float(epoch) for epoch, _ in points]
        values = [sign * float(v) if math.isfinite(float(v)) else math.nan for _, v in points]
        # A line through few points hides where they are; through one point it is invisible.
        marker = "o" if len(points) <= 25 else None
        axes.plot(
            epochs, values, color=colour, label=label, linewidth=1.6, marker=marker, markersize=3.5
        )
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch", fontsize=TEXT_SIZE, color=DARK)
    axes.set_ylabel("nats per datum", fontsize=TEXT_SIZE, color=DARK)
    if len(series) > 1:  # the title names a single one
        # "best" searches all points for the emptiest corner, which takes long for many points.
        is_long = len(rows) > 10_000
        place: Literal["best", "upper right"] = "upper right" if is_long else "best"
        axes.legend(fontsize=TEXT_SIZE, labelcolor=DARK, frameon=False, loc=place)
