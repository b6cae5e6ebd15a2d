"""Data, their codes, and what the codes decode to."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from pyrovae.latent_space.codes import check_batch, decode, encode, one_latent
from pyrovae.plots.grid import is_image
from pyrovae.plots.latents import PlottableModel
from pyrovae.plots.style import DARK, TEXT_SIZE, number
from pyrovae.plots.tiles import draw_tiles, table_layout

STRIP = 4  # columns of the table over which a code extends


def latent_codes(
    model: PlottableModel, x: Tensor, *, n: int = 8, site: str | None = None
) -> Figure:
    """Data with the code between them and their reconstruction, one row a datum.

    A code is a strip of cells, its features from left to right, red above zero and blue below.

    Args:
        model: The model.
        x: ``(N, *data_shape)``; the first n of them are shown.
        n: Number of rows.
        site: Whose code is shown, for a model with several latents. All of them are decoded.

    Returns:
        A figure with one table.

    Raises:
        ValueError: ``x`` is not a batch, ``n`` is not positive, or ``site`` is missing or no
            latent of the model.
    """
    check_batch("x", x)
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    x = x[:n].detach()
    codes = encode(model, x)
    shown = one_latent(codes, site).flatten(1).detach().cpu().double()
    decoded = decode(model, codes)
    # Nothing is drawn in the places over which the strips go: they are white, or a constant.
    fill = 1.0 if is_image(tuple(x.shape[1:])) else float(x.float().mean())
    blank = torch.full_like(decoded, fill).unsqueeze(1)
    row = [x.cpu().unsqueeze(1), *[blank] * STRIP, decoded.unsqueeze(1)]
    features = shown.shape[1]
    middle = f"code, {features} features" if features > 1 else "code"
    labels = ["original", "", middle, "", "", "reconstruction"]
    figure = draw_tiles(
        torch.cat(row, dim=1).flatten(0, 1),
        columns=STRIP + 2,
        title="Data, their latent codes and reconstructions",
        column_labels=labels,
    )
    (axes,) = figure.axes
    layout = table_layout(torch.cat(row, dim=1).flatten(0, 1), columns=STRIP + 2)
    limit = float(shown.abs().max()) or 1.0
    bounds = axes.get_xlim(), axes.get_ylim()
    for index, code in enumerate(shown.numpy()):
        top, left = layout.corner(index, 1)
        right = layout.corner(index, STRIP)[1] + layout.width
        strip = axes.imshow(
            code[None],
            cmap="RdBu_r",
            vmin=-limit,
            vmax=limit,
            interpolation="nearest",
            extent=(left - 0.5, right - 0.5, top + layout.height - 0.5, top - 0.5),
            zorder=3,
        )
    axes.set(xlim=bounds[0], ylim=bounds[1])
    bar = figure.colorbar(
        strip, ax=axes, ticks=[-limit, 0, limit], shrink=min(1.0, 2.5 / len(x)), aspect=12
    )
    bar.ax.set_yticklabels([number(value, ".2g") for value in (-limit, 0, limit)])
    bar.ax.tick_params(labelsize=TEXT_SIZE, labelcolor=DARK, length=0)
    bar.outline.set_visible(False)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width + 0.7, height)
    return figure
