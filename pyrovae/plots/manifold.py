"""The map of a two-dimensional latent space."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from pyrovae.plots.grid import check_positive
from pyrovae.plots.latents import PlottableModel, decode, draw, encode
from pyrovae.plots.style import DARK, TEXT_SIZE, number
from pyrovae.plots.tiles import draw_tiles
from pyrovae.plots.traversal import check_span

MOST_LABELS = 10


def manifold(model: PlottableModel, *, size: int = 20, span: float | None = None) -> Figure:
    """Data decoded on a grid over a two-dimensional latent: z1 to the right, z2 upwards.

    Args:
        model: A model whose latent has two features.
        size: Number of values of each feature.
        span: If given, the values lie evenly from -span to span; if left out, at the quantiles
            0.5/size, 1.5/size, ... of a standard normal, as evenly as that prior has them.

    Returns:
        A figure with ``size`` rows of ``size`` data.

    Raises:
        ValueError: The model's latent has not exactly two features, ``size`` is smaller than 2,
            or ``span`` is not positive.
    """
    check_positive("size", size, at_least=2)
    if span is None:
        values = torch.special.ndtri((torch.arange(size) + 0.5) / size)
    else:
        check_span(span)
        values = torch.linspace(-span, span, size)
    shape = _latent_shape(model)
    if shape.numel() != 2:
        raise ValueError(
            f"manifold needs a latent with 2 features, got {shape.numel()} (shape {tuple(shape)})"
        )

    # Rows are drawn from the top: the largest z2 comes first.
    z2, z1 = torch.meshgrid(values.flip(0), values, indexing="ij")
    grid = torch.stack([z1, z2], dim=-1).reshape(-1, *shape)
    labels = _labels(values)
    figure = draw_tiles(
        decode(model, grid),
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


def _labels(values: Tensor) -> list[str]:
    """A label for each value, most of them empty where there are many."""
    stride = -(-len(values) // MOST_LABELS)
    return [number(v, ".2f") if i % stride == 0 else "" for i, v in enumerate(values.tolist())]


def _latent_shape(model: PlottableModel) -> torch.Size:
    shape = getattr(model, "latent_shape", None)
    if shape is not None:
        return torch.Size(shape)
    codes = encode(model, draw(model, 1))
    if not isinstance(codes, dict):
        return codes.shape[1:]
    raise ValueError(f"manifold needs one latent with 2 features, got the latents {sorted(codes)}")
