"""Data, their codes, and their reconstructions."""

import numpy as np
import torch
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from pyrovae.latent_space.codes import decode, encode, one_latent
from pyrovae.plots.data import check_beside, read_data
from pyrovae.plots.grid import check_positive, is_image
from pyrovae.plots.latents import PlottableModel
from pyrovae.plots.style import COLOURS, LIGHT, number
from pyrovae.plots.tiles import draw_tiles, table_layout

PLACES = 3  # places of the table that a code fills; its name stands above the middle one


def latent_codes(
    model: PlottableModel, x: Tensor, *, n: int = 8, site: str | None = None
) -> Figure:
    """Data with their codes and their reconstructions, one row per datum.

    A code is drawn as bars between the two, with its features from left to right, upwards above
    zero and downwards below, on one scale for all rows.

    Args:
        model: The model.
        x: The data, ``(N, *data_shape)``; the first n of them are shown.
        n: Number of rows.
        site: The latent whose code is shown, for a model with several. All of them are decoded.

    Returns:
        A figure with one table.

    Raises:
        ValueError: If ``x`` is not a batch, ``n`` is not positive, or ``site`` is missing or not a
            latent of the model.
    """
    x = read_data("x", x)
    check_positive("n", n)
    x = x[:n]
    codes = encode(model, x)
    values = one_latent(codes, site).flatten(1).detach().cpu().double().numpy()
    decoded = decode(model, codes)
    check_beside(x, decoded)
    # The bars hide these places.
    fill = 1.0 if is_image(tuple(x.shape[1:])) else float(x.float().mean())
    blank = torch.full_like(decoded, fill)
    row = [x.cpu(), *[blank] * PLACES, decoded]
    table = torch.stack(row, dim=1).flatten(0, 1)
    features = values.shape[1]
    limit = float(np.abs(values).max()) or 1.0
    count = "1 feature" if features == 1 else f"{features} features"
    text = f"code: {count}, {number(-limit, '.2g')} to {number(limit, '.2g')}"
    aside = [""] * (PLACES // 2)
    figure = draw_tiles(
        table,
        columns=PLACES + 2,
        title="Data, their latent codes and reconstructions",
        column_labels=["original", *aside, text, *aside, "reconstruction"],
    )
    (axes,) = figure.axes

    layout = table_layout(table, columns=PLACES + 2)
    left = layout.corner(0, 1)[1] - 0.5
    width = layout.corner(0, PLACES)[1] + layout.width - 0.5 - left
    panels, bars, lines = [], [], []
    step = 0.96 * width / features
    for index, code in enumerate(values):
        top = layout.corner(index, 1)[0] - 0.5
        middle = top + layout.height / 2
        panels.append(Rectangle((left, top), width, layout.height))
        lines.append([(left, middle), (left + width, middle)])
        for feature, value in enumerate(code):
            x_bar = left + 0.02 * width + (feature + 0.1) * step
            bars.append(
                Rectangle((x_bar, middle), 0.8 * step, -0.45 * layout.height * value / limit)
            )
    axes.add_collection(PatchCollection(panels, facecolor="0.95", edgecolor="none", zorder=3))
    axes.add_collection(PatchCollection(bars, facecolor=COLOURS[0], edgecolor="none", zorder=4))
    axes.add_collection(LineCollection(lines, colors=LIGHT, linewidths=0.8, zorder=5))
    return figure
