"""The effect of single dimensions of a latent."""

import math
from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from pyrovae.latent_space.codes import Codes, decode, encode, one_latent
from pyrovae.plots.data import read_data
from pyrovae.plots.grid import check_positive
from pyrovae.plots.latents import PlottableModel
from pyrovae.plots.style import number
from pyrovae.plots.tiles import draw_tiles

DEFAULT_ROWS = 10


def traversal(
    model: PlottableModel,
    x: Tensor,
    *,
    dimensions: Sequence[int] | None = None,
    steps: int = 9,
    span: float = 3.0,
    site: str | None = None,
) -> Figure:
    """One latent dimension at a time set to values from -span to span, with the others fixed.

    The others stay at the code of the first datum ``x[0]``. Each row is one dimension, and each
    column one value, which stands above it.

    Args:
        model: The model.
        x: The data, ``(n, *data_shape)``. The first one gives the code to vary; all of them
            determine which dimensions vary most.
        dimensions: The rows, counted from 0 as in ``z[..., 0]``; if left out, up to 10 dimensions
            whose codes have the largest standard deviation over ``x``, the largest first.
        steps: Number of values.
        span: The largest value, in units of the latent (standard deviations of a normal prior).
        site: Which latent, for a model with several.

    Returns:
        A figure with a row for each dimension.

    Raises:
        ValueError: If ``x`` is not a batch, a dimension does not exist, ``steps`` is smaller than
            2, ``span`` is not positive, or ``site`` is missing or not a latent of the model.
    """
    check_positive("steps", steps, at_least=2)
    check_span(span)
    x = read_data("x", x)
    codes = encode(model, x)
    code = one_latent(codes, site)
    flat = code.flatten(1)
    features = flat.shape[1]
    if dimensions is None:
        order = flat.std(0, correction=0).argsort(descending=True, stable=True)
        dimensions = order[:DEFAULT_ROWS].tolist()
    if not dimensions or any(not 0 <= dimension < features for dimension in dimensions):
        raise ValueError(
            f"dimensions: expected some of 0 to {features - 1}, got {list(dimensions)}"
        )

    values = torch.linspace(-span, span, steps).to(flat)
    points = flat[0].repeat(len(dimensions), steps, 1)
    for row, dimension in enumerate(dimensions):
        points[row, :, dimension] = values
    varied = points.reshape(-1, *code.shape[1:])
    latents: Codes = varied
    if isinstance(codes, dict):
        held = {k: v[:1].expand(len(varied), *v.shape[1:]) for k, v in codes.items()}
        latents = {**held, str(site): varied}
    name = site or "z"
    return draw_tiles(
        decode(model, latents),
        columns=steps,
        title=f"Latent {name}, one dimension varied at a time",
        row_labels=[f"{name}[{dimension}]" for dimension in dimensions],
        column_labels=[number(value, ".3g") for value in values.tolist()],
    )


def check_span(span: float) -> None:
    """Checks that a span of latent values can be used.

    Args:
        span: The largest value.

    Raises:
        ValueError: If it is not positive and finite.
    """
    if not 0 < span < math.inf:
        raise ValueError(f"span: expected a positive, finite number, got {span!r}")
