"""A table of data in one set of axes: images as images, other data as small profiles."""

import textwrap
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from pyrovae.plots.grid import TileLayout, check_positive, image_grid, image_layout, is_image
from pyrovae.plots.levels import levels_of, smallest_and_largest
from pyrovae.plots.style import COLOURS, DARK, DPI, TEXT_SIZE, TITLE_SIZE, new_figure, number

GRID_WIDTH = 7.0  # inches that a table fills if the size of its tiles allows it
TILE_WIDTHS = (0.3, 0.8, 2.0)  # inches: smallest, largest, and largest for images of many pixels
CHARACTER = 0.075  # inches, a little more than the mean width at TEXT_SIZE


def draw_tiles(
    data: Tensor,
    *,
    columns: int,
    title: str,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    marked_columns: Iterable[int] = (),
    tile_labels: Sequence[str] = (),
) -> Figure:
    """Draws data in a table that fills a figure, row by row from the top left.

    Args:
        data: The data, ``(n, *data_shape)``. Images are drawn from black to white according to
            `levels_of`, with a line below that says so unless all values are in [0, 1]. Anything
            else is flattened and drawn as profiles on one common scale.
        columns: Number of data from left to right.
        title: The title.
        row_labels: One label for each row; none if left out.
        column_labels: One label for each column, above the table; none if left out.
        marked_columns: Columns whose data get a coloured frame.
        tile_labels: One label for each datum, in its corner; none if left out.

    Returns:
        The figure; its axes have the coordinates of :class:`TileLayout`.

    Raises:
        ValueError: If there are no data, or ``columns`` is not positive.
    """
    check_positive("columns", columns)
    if data.ndim < 1 or not data.numel():
        raise ValueError(f"data: expected shape (n, ...) with n >= 1, got {tuple(data.shape)}")
    data = data.detach().cpu()
    images = is_image(tuple(data.shape[1:]))
    layout = table_layout(data, columns=columns)

    height, width = layout.shape
    smallest, largest, largest_detailed = TILE_WIDTHS
    tile = min(max(GRID_WIDTH / columns, smallest), largest)
    if images:  # a screen pixel for each pixel of the data, if the page allows it
        tile = min(max(tile, layout.width / DPI), largest_detailed)
    inches = tile / layout.width
    text = max([4, *map(len, row_labels)]) * CHARACTER if row_labels else 0.0
    # A title wider than its table would be cut off.
    table_width = max(width * inches, len(title) * CHARACTER * TITLE_SIZE / TEXT_SIZE)
    remark = table_note(data)
    note = [] if remark is None else textwrap.wrap(remark, max(24, int(table_width / CHARACTER)))
    lines = 0.32 + 0.2 * bool(column_labels) + (0.15 * len(note) + 0.05 if note else 0.0)
    figure = new_figure(table_width + text + 0.15, height * inches + lines)

    axes = figure.add_subplot()
    draw_table(
        axes,
        data,
        columns=columns,
        title=title,
        row_labels=row_labels,
        column_labels=column_labels,
        marked_columns=marked_columns,
        tile_labels=tile_labels,
    )
    if note:
        axes.set_xlabel("\n".join(note), fontsize=TEXT_SIZE - 1, color=DARK, loc="left")
    return figure


def draw_table(
    axes: Axes,
    data: Tensor,
    *,
    columns: int,
    title: str,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    marked_columns: Iterable[int] = (),
    tile_labels: Sequence[str] = (),
) -> None:
    """Draws data in a table in given axes; see `draw_tiles` for the arguments.

    Args:
        axes: The axes to draw on.
        data: The data, ``(n, *data_shape)`` with n >= 1.
        columns: Number of data from left to right.
        title: The title.
        row_labels: One label for each row; none if left out.
        column_labels: One label for each column; none if left out.
        marked_columns: Columns whose data get a coloured frame.
        tile_labels: One label for each datum; none if left out.
    """
    data = data.detach().cpu()
    layout = table_layout(data, columns=columns)
    if is_image(tuple(data.shape[1:])):
        levels = levels_of(data)
        axes.imshow(
            image_grid(data, columns=columns, black=levels.black, white=levels.white),
            cmap="gray",
            vmin=0,
            vmax=1,
            interpolation="nearest",
        )
    else:
        _draw_profiles(axes, data, layout)
    axes.set_anchor("W")  # a narrow table stands below the beginning of its title
    _label(axes, layout, row_labels, column_labels)
    for column in marked_columns:
        _mark(axes, layout, column)
    for index, text in enumerate(tile_labels):
        top, left = layout.corner(*divmod(index, columns))
        axes.annotate(
            text,
            (left - 0.5, top - 0.5),
            xytext=(1.5, -1.5),
            textcoords="offset points",
            fontsize=TEXT_SIZE - 3,
            color=DARK,
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
        )
    axes.set_title(title, loc="left", fontsize=TITLE_SIZE, color=DARK)


def table_layout(data: Tensor, *, columns: int) -> TileLayout:
    """The layout of the tiles of a table of data.

    Args:
        data: The data, ``(n, *data_shape)``.
        columns: Number of data from left to right.

    Returns:
        The layout: for images as in `image_grid`, for other data in panels of one size.
    """
    if is_image(tuple(data.shape[1:])):
        return image_layout(tuple(data.shape), columns=columns)
    rows = -(-len(data) // columns)
    return TileLayout(rows=rows, columns=columns, height=75, width=100, gap=8)


def table_note(data: Tensor) -> str | None:
    """What a reader has to know about the scale of a table of data; None for usual images."""
    return levels_of(data).note if is_image(tuple(data.shape[1:])) else _scale(data)


def _scale(data: Tensor) -> str:
    """What a reader has to know about the scale of profiles."""
    features = data[0].numel()
    low, high = (number(value, ".3g") for value in smallest_and_largest(data))
    names = "1 feature" if features == 1 else f"{features} features, left to right"
    return f"{names}; values from {low} to {high}, one scale for all panels"


def _draw_profiles(axes: Axes, data: Tensor, layout: TileLayout) -> None:
    """Draws one step line per datum, all of them in two artists: panels and lines."""
    values = data.double().reshape(len(data), -1).numpy()
    features = values.shape[1]
    low, high = smallest_and_largest(data)
    extent = (high - low) or 1.0

    corners = np.array([layout.corner(*divmod(i, layout.columns)) for i in range(len(values))])
    panels = [Rectangle((x - 0.5, y - 0.5), layout.width, layout.height) for y, x in corners]
    axes.add_collection(PatchCollection(panels, facecolor="0.95", edgecolor="none"))

    # Steps, not slopes, since there is nothing between two features. Lines keep clear of the
    # edges.
    edges = np.repeat(np.linspace(0.05, 0.95, features + 1), 2)[1:-1] * layout.width - 0.5
    heights = (0.9 - 0.8 * (values - low) / extent) * layout.height - 0.5
    if high == low:  # there is no scale: draw a line in the middle
        heights = np.where(np.isfinite(values), layout.height / 2 - 0.5, np.nan)
    x = corners[:, 1:] + edges
    y = corners[:, :1] + np.repeat(heights, 2, axis=1)
    lines = LineCollection(list(np.stack([x, y], axis=-1)), colors=COLOURS[0], linewidths=1.0)
    axes.add_collection(lines)

    height, width = layout.shape
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")


def _label(
    axes: Axes, layout: TileLayout, row_labels: Sequence[str], column_labels: Sequence[str]
) -> None:
    y, x = layout.centres()
    axes.set_yticks(y if row_labels else [], list(row_labels))
    axes.set_xticks(x if column_labels else [], list(column_labels))
    axes.tick_params(
        length=0,
        labelsize=TEXT_SIZE,
        labelcolor=DARK,
        labeltop=True,
        labelbottom=False,
        pad=3,
    )
    axes.spines[:].set_visible(False)


def _mark(axes: Axes, layout: TileLayout, column: int) -> None:
    colour = COLOURS[2]
    for row in range(layout.rows):
        top, left = layout.corner(row, column)
        frame = Rectangle(
            (left - 0.5, top - 0.5),
            layout.width,
            layout.height,
            fill=False,
            edgecolor=colour,
            linewidth=1.5,
            clip_on=False,
        )
        axes.add_patch(frame)
    labels = axes.get_xticklabels()
    if labels:
        labels[column].set_color(colour)
