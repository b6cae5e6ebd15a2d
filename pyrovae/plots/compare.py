"""Latent spaces of several models side by side."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from torch import Tensor

from pyrovae.latent_space.codes import decode, encode, one_latent
from pyrovae.plots.data import read_data
from pyrovae.plots.grid import check_positive, is_image
from pyrovae.plots.latents import PlottableModel, check_plane
from pyrovae.plots.levels import levels_of
from pyrovae.plots.manifold import plane, quantiles
from pyrovae.plots.points import check_labels, draw_points, label_texts, legend
from pyrovae.plots.style import DARK, TEXT_SIZE, new_figure, style_axes
from pyrovae.plots.tiles import draw_table

RADIUS = 2.4477  # of the circle that holds 95 % of N(0, I) in the plane
COLUMN = 3.3  # inches


def compare_latent_spaces(
    models: Mapping[str, PlottableModel],
    x: Tensor,
    labels: Tensor | None = None,
    *,
    label_names: Sequence[str] | None = None,
    size: int = 12,
    n: int = 24,
    seed: int = 0,
) -> Figure:
    """Two-dimensional latent spaces, one column per model: can data be drawn from them?

    From top to bottom, the panels show the codes of data, coloured by label, with the circle that
    holds 95 % of N(0, I); the plane decoded at the quantiles of N(0, I), as in `manifold`; and
    data decoded at draws from N(0, I), the same draws for all models. An autoencoder's codes can
    lie anywhere and leave gaps, which its decoder was never trained to fill.

    Args:
        models: The models by the name that stands above the column. Each has a latent with two
            features.
        x: The data, ``(N, *data_shape)``; all of them are encoded.
        labels: Integers ``(N,)``, or None for one colour.
        label_names: The names of labels 0, 1, ...; the numbers if left out.
        size: Number of values of each feature in the decoded plane.
        n: Number of samples.
        seed: Seed of the samples and of the order in which points are drawn.

    Returns:
        A figure with three panels for each model.

    Raises:
        ValueError: If there is no model, a latent does not have two features, ``x`` is not a
            batch, the labels do not fit, or ``size`` or ``n`` is too small.
    """
    if not models:
        raise ValueError("models: expected at least one model, got none")
    check_positive("size", size, at_least=2)
    check_positive("n", n)
    x = read_data("x", x)
    groups = check_labels(labels, len(x))
    names = label_texts(groups, label_names)
    shapes = {name: check_plane("compare_latent_spaces", model) for name, model in models.items()}
    draws = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))

    columns = -(-n // 3)
    side = 0.9 * COLUMN
    figure = new_figure(COLUMN * len(models) + 0.5, 2 * side + 3 / columns * side + 0.9)
    grid = figure.add_gridspec(3, len(models), height_ratios=[1, 1, 3 / columns])
    for column, (name, model) in enumerate(models.items()):
        top, middle, bottom = (figure.add_subplot(grid[row, column]) for row in range(3))
        codes = one_latent(encode(model, x), None).flatten(1).detach().cpu().double().numpy()
        draw_points(top, codes, groups, np.random.default_rng(seed))
        _circle(top)
        style_axes(top, title=f"{name}: codes of data")
        top.set_aspect("equal", adjustable="datalim")
        decoded = decode(model, plane(quantiles(size), shapes[name]))
        draw_table(
            middle,
            decoded,
            columns=size,
            title="Decoded at quantiles of N(0, I)",
        )
        for axes, between in ((top, 0), (middle, None)):
            note = None if axes is top else _levels_note(decoded)
            below = "z1" if note is None else f"z1\n{note}"
            axes.set_xlabel(below, fontsize=TEXT_SIZE, color=DARK, labelpad=between)
            axes.set_ylabel("z2", fontsize=TEXT_SIZE, color=DARK, labelpad=between)
        decoded = decode(model, draws.reshape(n, *shapes[name]))
        bottom.set_xlabel(_levels_note(decoded) or "", fontsize=TEXT_SIZE, color=DARK)
        draw_table(
            bottom,
            decoded,
            columns=columns,
            title="Decoded draws from N(0, I)",
        )
    circle = Line2D([], [], color=DARK, linestyle="--", linewidth=1.2, label="95 % of\nN(0, I)")
    legend(figure, names if labels is not None else {}, [circle])
    return figure


def _levels_note(data: Tensor) -> str | None:
    """Says which values are black and white in images, in lines as wide as a column."""
    note = levels_of(data).note if is_image(tuple(data.shape[1:])) else None
    return None if note is None else note.replace("; ", "\n")


def _circle(axes: Axes) -> None:
    axes.add_patch(
        Circle((0, 0), RADIUS, fill=False, edgecolor=DARK, linestyle="--", linewidth=1.2)
    )
