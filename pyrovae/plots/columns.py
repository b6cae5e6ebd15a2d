"""The columns of a table beside those that a model generates."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from pyrovae.columns import Column
from pyrovae.plots.style import COLOURS, DARK, TEXT_SIZE, new_figure, style_axes

Values = np.ndarray

SHOWN = 24
ACROSS = 4
BINS = 30


def table_columns(
    rows: Tensor, drawn: Tensor, columns: Sequence[Column], *, mask: Tensor | None = None
) -> Figure:
    """Frequencies of the values in each column of a table, and in rows drawn from a model.

    Positive numbers and counts are shown on a logarithmic axis, of x and of 1 + x. If there are
    more than 24 columns, the first 24 are shown.

    Args:
        rows: Data, ``(n, D)``, as `load_data` returns them for a table.
        drawn: Rows from ``model.sample(n, draw=True)``, ``(m, D)``.
        columns: The description of the columns.
        mask: Which of the data's values were observed; all, if left out.

    Returns:
        A figure with a panel for each column.

    Raises:
        ValueError: If the number of values in a row is not the number of columns.
    """
    for name, x in (("rows", rows), ("drawn", drawn)):
        if x.dim() != 2 or x.shape[1] != len(columns):
            raise ValueError(
                f"{name}: expected shape (n, {len(columns)}), a value for each column, got "
                f"{tuple(x.shape)}"
            )
    shown = list(columns)[:SHOWN]
    across = min(ACROSS, len(shown))
    down = ceil(len(shown) / across)
    figure = new_figure(2.9 * across, 2.2 * down)
    for i, column in enumerate(shown):
        axes = figure.add_subplot(down, across, i + 1)
        seen = rows[:, i] if mask is None else rows[:, i][mask[:, i]]
        series = {"data": seen.cpu().numpy(), "model": drawn[:, i].cpu().numpy()}
        if column.levels is None:
            _numbers(axes, column, series)
        else:
            _levels(axes, column, series)
        style_axes(axes, title=column.name[:24])
        axes.set_yticks([])
    figure.axes[0].legend(fontsize=TEXT_SIZE, labelcolor=DARK, frameon=False)
    return figure


def _numbers(axes: Axes, column: Column, series: dict[str, Values]) -> None:
    added = 1 if column.kind == "count" else 0
    data = series["data"].astype(float) + added
    logarithmic = column.kind != "real"
    low, high = (data.min(), data.max()) if len(data) else (1.0, 2.0)
    if low == high:
        high = low + max(abs(low), 1.0)
    edges = np.geomspace(low, high, BINS) if logarithmic else np.linspace(low, high, BINS)
    for colour, (name, values) in zip(COLOURS, series.items(), strict=False):
        # Values beyond the range of the data count in the outermost bin.
        inside = np.clip(values.astype(float) + added, low, high)
        heights, _ = np.histogram(inside, edges)
        share = heights / max(len(inside), 1)
        axes.stairs(share, edges, color=colour, label=name, linewidth=1.4)
    if logarithmic:
        axes.set_xscale("log")


def _levels(axes: Axes, column: Column, series: dict[str, Values]) -> None:
    number = len(column.levels or ())
    for i, (name, values) in enumerate(series.items()):
        share = np.bincount(values.astype(int), minlength=number) / max(len(values), 1)
        place = np.arange(number) + 0.4 * i - 0.2
        axes.bar(place, share, width=0.4, color=COLOURS[i], label=name)
    if number <= 6:
        axes.set_xticks(range(number), [str(level)[:8] for level in column.levels or ()])
