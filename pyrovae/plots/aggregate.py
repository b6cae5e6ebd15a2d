"""The latents of all data together, compared with the prior."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pyrovae.latent_space.aggregate import (
    aggregated_posterior as draw_posterior,
)
from pyrovae.latent_space.aggregate import (
    distance_from_uniform,
    prior_distribution_function,
    prior_draws,
)
from pyrovae.latent_space.aggregate import (
    probability_integral as map_latents,
)
from pyrovae.latent_space.codes import encode, one_latent
from pyrovae.plots.data import read_data
from pyrovae.plots.grid import check_positive
from pyrovae.plots.latents import axis_name
from pyrovae.plots.points import check_labels, draw_points, label_texts, legend
from pyrovae.plots.style import COLOURS, DARK, TEXT_SIZE, new_figure, number, style_axes

MOST_PANELS = 9
CENTRAL = 0.005  # values beyond this share on either side are not drawn
PRIOR_DRAWS = 1000


def aggregated_posterior(
    model: Any,
    x: Tensor,
    *,
    dimensions: Sequence[int] | None = None,
    bins: int = 40,
    site: str | None = None,
) -> Figure:
    r"""The latents of all data together against the prior, one panel per feature.

    The bars are a histogram of draws from :math:`q(z) = \frac{1}{N} \sum_n q(z \mid x_n)`, one for
    each datum. The line shows what the prior puts into the same bins. The number in the title is
    the largest difference between the two distribution functions, from 0 to 1.

    Args:
        model: An object with ``model`` and ``guide``, which take ``x``. The draws come from
            torch's global random state.
        x: The data, ``(n, *data_shape)``; the more, the smoother.
        dimensions: The features to show, counted from 0 as in ``z[..., 0]``; if left out, up to 9
            features that differ most, the most different first.
        bins: Number of bins. The outermost half per cent on either side is not drawn.
        site: Which latent, for a model with several.

    Returns:
        A figure with a panel for each feature.

    Raises:
        ValueError: If ``x`` is not a batch, a dimension does not exist, ``bins`` is not positive,
            or ``site`` is missing or not a latent of the model.
    """
    check_positive("bins", bins)
    x = read_data("x", x)
    z = one_latent(draw_posterior(model, x), site).flatten(1).detach()
    prior = one_latent(prior_draws(model, x, PRIOR_DRAWS), site).flatten(1).detach()
    function = prior_distribution_function(model, x, site=site)
    distance = distance_from_uniform(function(z)).cpu()
    if dimensions is None:
        dimensions = distance.argsort(descending=True, stable=True)[:MOST_PANELS].tolist()
    _check_dimensions(dimensions, z.shape[1])

    outside = torch.tensor([CENTRAL, 1 - CENTRAL]).to(z)
    ends = torch.stack([values.quantile(outside, dim=0) for values in (z, prior.to(z))])
    low, high = ends[:, 0].amin(0), ends[:, 1].amax(0)
    # Half a bin more on either side, so that no value lies on an edge.
    margin = torch.where(high > low, (high - low) / bins / 2, 0.5)
    edges = torch.lerp(low - margin, high + margin, torch.linspace(0, 1, bins + 1).to(z)[:, None])
    expected = function(edges).diff(dim=0).detach().cpu().double().numpy()
    places, values = edges.cpu().double().numpy(), z.cpu().double().numpy()

    columns = min(3, len(dimensions))
    rows = -(-len(dimensions) // columns)
    figure = new_figure(max(2.6 * columns, 3.4), 1.9 * rows + 0.5)
    for position, dimension in enumerate(dimensions, start=1):
        axes = figure.add_subplot(rows, columns, position)
        edge = places[:, dimension]
        width = np.diff(edge)
        counts, _ = np.histogram(values[:, dimension], bins=edge)
        axes.stairs(counts / (len(values) * width), edge, fill=True, color=COLOURS[0], alpha=0.55)
        axes.stairs(
            expected[:, dimension] / width, edge, baseline=None, color=COLOURS[2], linewidth=1.4
        )
        difference = number(float(distance[dimension]), ".2f")
        style_axes(axes, title=f"{axis_name(dimension, site)}, distance {difference}")
        axes.set_yticks([])
    handles = figure.axes[0].patches
    figure.legend(
        handles=handles,
        labels=[f"q(z), {len(z)} draws", "p(z)"],
        loc="outside upper left",
        ncols=2,
        fontsize=TEXT_SIZE,
        labelcolor=DARK,
        frameon=False,
    )
    return figure


def probability_integral(
    model: Any,
    x: Tensor,
    labels: Tensor | None = None,
    *,
    dimensions: tuple[int, int] | None = None,
    label_names: Sequence[str] | None = None,
    seed: int = 0,
    site: str | None = None,
) -> Figure:
    """The latents mapped to the unit square by the prior's distribution function.

    There is one draw from q(z|x) for each datum, coloured by label. If the aggregated posterior
    equals the prior, and the prior's features are independent, the points are uniform on the
    square. Holes are regions that samples come from although no datum lies there; crowds are
    regions that samples reach too rarely. The numbers at the axes are Kolmogorov-Smirnov distances
    from uniform, from 0 to 1.

    Args:
        model: An object with ``model`` and ``guide``, which take ``x``, and ``encode``. The draws
            come from torch's global random state.
        x: The data, ``(n, *data_shape)``.
        labels: Integers ``(n,)``, or None for one colour.
        dimensions: The two features, counted from 0; if left out, the two that vary most.
        label_names: The names of labels 0, 1, ...; the numbers if left out.
        seed: Seed of the order in which the points are drawn.
        site: Which latent, for a model with several.

    Returns:
        A figure with one scatter plot.

    Raises:
        ValueError: If ``x`` is not a batch, ``labels`` do not fit it or ``label_names``, the
            latent is discrete or has one feature, a dimension does not exist, or ``site`` is
            missing or not a latent of the model.
    """
    x = read_data("x", x)
    groups = check_labels(labels, len(x))
    names = label_texts(groups, label_names)
    u = map_latents(model, x, site=site).detach().cpu()
    if u.shape[1] < 2:
        raise ValueError("probability_integral: expected a latent with at least 2 features, got 1")
    if dimensions is None:
        # The more a latent tells about the data, the more the means of its posteriors vary.
        spread = one_latent(encode(model, x), site).flatten(1).std(0, correction=0)
        first, second = sorted(spread.argsort(descending=True, stable=True)[:2].tolist())
    else:
        if len(dimensions) != 2:
            raise ValueError(f"dimensions: expected two, got {list(dimensions)}")
        _check_dimensions(dimensions, u.shape[1])
        first, second = dimensions
    chosen = u[:, [first, second]].double()
    distance = distance_from_uniform(chosen).tolist()

    figure = new_figure(5.2, 4.4)
    axes = figure.add_subplot()
    draw_points(axes, chosen.numpy(), groups, np.random.default_rng(seed))
    style_axes(axes, title="Latents under the prior's distribution function")
    texts = [
        f"F({axis_name(dimension, site)}), {number(value, '.2f')} from uniform"
        for dimension, value in zip((first, second), distance, strict=True)
    ]
    axes.set_xlabel(texts[0], fontsize=TEXT_SIZE, color=DARK)
    axes.set_ylabel(texts[1], fontsize=TEXT_SIZE, color=DARK)
    ticks = np.linspace(0, 1, 5)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=ticks, yticks=ticks, aspect="equal")
    if labels is not None:
        legend(figure, names)
    return figure


def _check_dimensions(dimensions: Sequence[int], features: int) -> None:
    if not dimensions or any(not 0 <= dimension < features for dimension in dimensions):
        raise ValueError(
            f"dimensions: expected some of 0 to {features - 1}, got {list(dimensions)}"
        )
