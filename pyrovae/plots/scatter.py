"""The positions of data in the latent space."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from pyrovae.latent_space.codes import encode, one_latent
from pyrovae.plots.data import read_data
from pyrovae.plots.latents import PlottableModel, axis_name
from pyrovae.plots.points import Points, check_labels, draw_points, label_texts, legend
from pyrovae.plots.style import DARK, TEXT_SIZE, new_figure, style_axes

Method = Literal["pca", "tsne"]
MOST_TSNE_POINTS = 2000


def latent_scatter(
    model: PlottableModel,
    x: Tensor,
    labels: Tensor | None = None,
    *,
    method: Method = "pca",
    label_names: Sequence[str] | None = None,
    seed: int = 0,
    site: str | None = None,
) -> Figure:
    """The codes of data as points, coloured by label.

    A two-dimensional latent is drawn as it is. A one-dimensional one is drawn from left to right,
    with a row for each label, in which the points are scattered vertically only to be visible. Any
    other latent is projected to two dimensions.

    Args:
        model: The model.
        x: The data, ``(n, *data_shape)``; all of them are encoded.
        labels: Integers ``(n,)``, or None for one colour.
        method: For more than two dimensions, "pca" (the axes say how much of the variance they
            explain) or "tsne" (scikit-learn's, of the first 2000 data; distances between distant
            points have no meaning there, and the axes have no unit).
        label_names: The names of labels 0, 1, ...; the numbers if left out.
        seed: Seed of t-SNE and of the order in which the points are drawn.
        site: Which latent, for a model with several.

    Returns:
        A figure with one scatter plot.

    Raises:
        ValueError: If ``x`` is not a batch, ``labels`` do not fit it or ``label_names``,
            ``method`` is unknown, fewer than 3 data are to be projected, a code is not finite, or
            ``site`` is missing or not a latent of the model.
    """
    if method not in get_args(Method):
        raise ValueError(f"method: expected one of {get_args(Method)}, got {method!r}")
    x = read_data("x", x)
    groups = check_labels(labels, len(x))
    names = label_texts(groups, label_names)
    codes = _finite_codes(model, x, site)
    n, features = codes.shape
    projected = features > 2
    if projected and method == "tsne":
        codes, groups = codes[:MOST_TSNE_POINTS], groups[:MOST_TSNE_POINTS]
    present = {group: names[group] for group in np.unique(groups).tolist()}
    random = np.random.default_rng(seed)

    figure = new_figure(5.6, 4.4)
    axes = figure.add_subplot()
    if features == 1:
        placed = _in_rows(codes, groups, random, site)
        figure.set_figheight(min(1.6 + 0.3 * len(present), 12.0))
        axes.set_ylim(len(present) - 0.5, -0.5)
        if labels is None:
            axes.set_yticks([])
        else:
            axes.set_yticks(range(len(present)), list(present.values()))
    else:
        placed = _in_the_plane(codes, method, seed, site)

    draw_points(axes, placed.points, groups, random)
    style_axes(axes, title=f"Latent codes of {_count(len(codes), n)}{placed.how}")
    axes.set_xlabel(placed.x_label, fontsize=TEXT_SIZE, color=DARK)
    axes.set_ylabel(placed.y_label, fontsize=TEXT_SIZE, color=DARK)
    if features > 1:
        axes.set_aspect("equal", adjustable="datalim")
        if projected and method == "tsne":
            axes.set(xticks=[], yticks=[])
        if labels is not None:
            legend(figure, present)
    return figure


class _Placed(NamedTuple):
    """Points in a plane, the names of its axes, and how the codes were mapped to it."""

    points: Points
    x_label: str
    y_label: str
    how: str = ""


def _finite_codes(model: PlottableModel, x: Tensor, site: str | None) -> Points:
    codes = one_latent(encode(model, x), site).flatten(1).detach().cpu().double().numpy()
    if not np.isfinite(codes).all():
        bad = int((~np.isfinite(codes)).any(axis=1).sum())
        raise ValueError(f"codes: expected finite numbers, got {bad} of {len(codes)} that are not")
    return codes


def _count(drawn: int, n: int) -> str:
    if drawn < n:
        return f"the first {drawn} of {n} data"
    return "1 datum" if n == 1 else f"{n} data"


def _in_rows(
    codes: Points, groups: NDArray[np.int64], random: np.random.Generator, site: str | None
) -> _Placed:
    """One dimension from left to right, with a row for each label."""
    rows = np.searchsorted(np.unique(groups), groups)
    jitter = random.uniform(-0.35, 0.35, size=len(codes))
    return _Placed(np.column_stack([codes[:, 0], rows + jitter]), axis_name(0, site), "")


def _in_the_plane(codes: Points, method: Method, seed: int, site: str | None) -> _Placed:
    """Two dimensions as they are; more than two are projected."""
    features = codes.shape[1]
    if features == 2:
        return _Placed(codes, axis_name(0, site), axis_name(1, site))
    if method == "pca":
        points, (first, second) = _pca(codes)
        return _Placed(
            points,
            f"component 1 ({first:.0%} of the variance)",
            f"component 2 ({second:.0%} of the variance)",
            f" (PCA of {features} dimensions)",
        )
    how = f" (t-SNE of {features} dimensions)"
    return _Placed(_tsne(codes, seed), "t-SNE 1", "t-SNE 2", how)


def _check_enough(n: int) -> None:
    if n < 3:
        raise ValueError(
            f"x: expected at least 3 data for a projection to two dimensions, got {n}"
        )


def _pca(codes: Points) -> tuple[Points, tuple[float, float]]:
    """Scores on the first two principal components, and their shares of the variance."""
    _check_enough(len(codes))
    centred = codes - codes.mean(axis=0)
    _, scales, directions = np.linalg.svd(centred, full_matrices=False)
    # The sign of a component is arbitrary: its largest weight is made positive.
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    variances = scales**2
    shares = variances / max(variances.sum(), np.finfo(np.float64).tiny)
    return centred @ directions[:2].T, (float(shares[0]), float(shares[1]))


def _tsne(codes: Points, seed: int) -> Points:
    _check_enough(len(codes))
    from sklearn.manifold import TSNE  # takes a second to import

    perplexity = min(30.0, (len(codes) - 1) / 3)  # must be smaller than the number of points
    return TSNE(perplexity=perplexity, random_state=seed).fit_transform(codes).astype(np.float64)
