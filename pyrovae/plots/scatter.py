"""Where data lie in the latent space."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from pyrovae.latent_space.codes import check_batch, encode, one_latent
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

    A two-dimensional latent is drawn as it is. A one-dimensional one goes to the right, with a
    row for each label in which the points are scattered for sight only. Any other is projected
    to two dimensions.

    Args:
        model: The model.
        x: ``(n, *data_shape)``; all of them are encoded.
        labels: ``(n,)`` whole numbers, or None for one colour.
        method: For more than two dimensions: "pca" (the axes say how much of the variance they
            explain) or "tsne" (scikit-learn's, of the first 2000 data; distances between far
            points mean nothing there, and the axes have no unit).
        label_names: The names of labels 0, 1, ...; the numbers if left out.
        seed: Of t-SNE and of the order in which the points are drawn.
        site: Which latent, for a model with several.

    Returns:
        A figure with one scatter plot.

    Raises:
        ValueError: ``x`` is not a batch, ``labels`` do not fit to it or to ``label_names``,
            ``method`` is unknown, fewer than 3 data are to be projected, a code is not finite,
            or ``site`` is missing or no latent of the model.
    """
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {get_args(Method)}, got {method!r}")
    check_batch("x", x)
    groups = check_labels(labels, len(x))
    names = label_texts(groups, label_names)
    codes = one_latent(encode(model, x), site).flatten(1).detach().cpu().double().numpy()
    if not np.isfinite(codes).all():
        bad = int((~np.isfinite(codes)).any(axis=1).sum())
        raise ValueError(f"codes must be finite, got {bad} of {len(codes)} that are not")

    n, features = codes.shape
    if features > 2 and method == "tsne" and n > MOST_TSNE_POINTS:
        codes, groups = codes[:MOST_TSNE_POINTS], groups[:MOST_TSNE_POINTS]
    present = np.unique(groups)
    random = np.random.default_rng(seed)

    figure = new_figure(5.6, 4.4)
    axes = figure.add_subplot()
    count = "1 datum" if n == 1 else f"{n} data"
    if len(codes) < n:
        count = f"the first {len(codes)} of {n} data"
    if features == 1:
        rows = np.searchsorted(present, groups)
        points = np.column_stack([codes[:, 0], rows + random.uniform(-0.35, 0.35, size=n)])
        x_label, y_label, title = axis_name(0, site), "", f"Latent codes of {count}"
        figure.set_figheight(min(1.6 + 0.3 * len(present), 12.0))
        if labels is None:
            axes.set_yticks([])
        else:
            axes.set_yticks(range(len(present)), [names[group] for group in present.tolist()])
        axes.set_ylim(len(present) - 0.5, -0.5)
    elif features == 2:
        points = codes
        x_label, y_label, title = (
            axis_name(0, site),
            axis_name(1, site),
            f"Latent codes of {count}",
        )
    elif method == "pca":
        points, (first, second) = _pca(codes)
        x_label = f"component 1 ({first:.0%} of the variance)"
        y_label = f"component 2 ({second:.0%} of the variance)"
        title = f"Latent codes of {count} (PCA of {features} dimensions)"
    else:
        points = _tsne(codes, seed)
        x_label, y_label = "t-SNE 1", "t-SNE 2"
        title = f"Latent codes of {count} (t-SNE of {features} dimensions)"

    draw_points(axes, points, groups, random)
    style_axes(axes, title=title)
    axes.set_xlabel(x_label, fontsize=TEXT_SIZE, color=DARK)
    axes.set_ylabel(y_label, fontsize=TEXT_SIZE, color=DARK)
    if features > 1:
        axes.set_aspect("equal", adjustable="datalim")
        if method == "tsne" and features > 2:
            axes.set(xticks=[], yticks=[])
        if labels is not None:
            legend(figure, {group: names[group] for group in present.tolist()})
    return figure


def _check_enough(n: int) -> None:
    if n < 3:
        raise ValueError(f"a projection to two dimensions needs at least 3 data, got {n}")


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
