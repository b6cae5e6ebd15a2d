"""The map of a two-dimensional latent space."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from pyrovae.latent_space.codes import decode
from pyrovae.plots.grid import check_positive
from pyrovae.plots.latents import PlottableModel, check_plane
from pyrovae.plots.style import DARK, TEXT_SIZE, number
from pyrovae.plots.tiles import draw_tiles
from pyrovae.plots.traversal import check_span

MOST_LABELS = 10


def manifold(model: PlottableModel, *, size: int = 20, span: float | None = None) -> Figure:
    """Data decoded on a grid over a two-dimensional latent, z1 to the right and z2 upwards.

    Args:
        model: A model whose latent has two features.
        size: Number of values of each feature.
        span: If given, the values are evenly spaced from -span to span; if left out, they are the
            quantiles 0.5/size, 1.5/size, ... of a standard normal, so that each stands for the
            same probability.

    Returns:
        A figure with ``size`` rows of ``size`` data.

    Raises:
        ValueError: If the model's latent does not have exactly two features, ``size`` is smaller
            than 2, or ``span`` is not positive.
    """
    check_positive("size", size, at_least=2)
    if span is None:
        values = quantiles(size)
    else:
        check_span(span)
        values = torch.linspace(-span, span, size)
    shape = check_plane("manifold", model)
    labels = _labels(values)
    figure = draw_tiles(
        decode(model, plane(values, shape)),
        columns=size,
        title="Map of the latent space",
        row_labels=labels[::-1],
        column_labels=labels,
    )
    width, height = figure.get_size_inches()
    figure.set_size_inches(width + 0.2, height + 0.2)  # for the names of the axes
    (axes,) = figure.axes
    axes.tick_params(labeltop=False, labelbottom=True)
    note = axes.get_xlabel()
    axes.set_xlabel(f"z1\n{note}".rstrip(), fontsize=TEXT_SIZE, color=DARK, loc="center")
    axes.set_ylabel("z2", fontsize=TEXT_SIZE, color=DARK)
    return figure


def quantiles(size: int) -> Tensor:
    """Values of one feature that each stand for the same probability under a standard normal.

    Args:
        size: Number of values.

    Returns:
        The quantiles 0.5/size, 1.5/size, ..., ``(size,)``.
    """
    return torch.special.ndtri((torch.arange(size) + 0.5) / size)


def plane(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The latents of a table that covers a plane, row by row from the top left.

    Args:
        values: The values of both features, in increasing order, ``(size,)``.
        shape: Shape of one latent.

    Returns:
        The latents, ``(size * size, *shape)``; the first feature increases to the right, the
        second upwards.
    """
    # Rows are drawn from the top: the largest z2 comes first.
    z2, z1 = torch.meshgrid(values.flip(0), values, indexing="ij")
    return torch.stack([z1, z2], dim=-1).reshape(-1, *shape)


def _labels(values: Tensor) -> list[str]:
    """A label for each value; if there are many values, most labels are empty."""
    stride = -(-len(values) // MOST_LABELS)
    return [number(v, ".2f") if i % stride == 0 else "" for i, v in enumerate(values.tolist())]
