"""The score of the beta-VAE: whether differences of codes tell which factor was held."""

from functools import partial

import numpy as np
from torch import Tensor

from pyrovae.checks import check_count
from pyrovae.disentanglement.groups import Groups, check_shared
from pyrovae.disentanglement.rows import Rows, read_rows, varies
from pyrovae.disentanglement.score import Array, Score, bootstrap

__all__ = ["beta_vae_score"]


def beta_vae_score(
    codes: Tensor | Array,
    factors: Tensor | Array,
    *,
    points: int = 800,
    pairs: int = 64,
    resamples: int = 20,
    seed: int = 0,
) -> Score:
    r"""The score of the beta-VAE: whether a linear classifier tells which factor was held.

    For each point a factor k is chosen, and pairs of data that share its level; the point is the
    mean of :math:`\lvert z - z' \rvert` over the pairs. The score is the accuracy of a logistic
    regression that tells k from it, on as many other points. Guessing has 1/K.

    Higgins et al., 2017, beta-VAE: learning basic visual concepts with a constrained variational
    framework, https://openreview.net/forum?id=Sy2fzU9gl. The data are drawn from those given, with
    replacement, and not made anew; points are tested on data that the classifier has not seen.

    Args:
        codes: ``(N, D)``.
        factors: The levels of the factors, integers ``(N, K)``, at least two factors.
        points: How many points the classifier is fitted to, and tested on.
        pairs: How many pairs a point is of.
        resamples: How often data and points are drawn anew for the error.
        seed: Of the draws.

    Raises:
        ValueError: If codes and factors do not fit, a number is too small, or in a half of the
            data no two share a level of a factor.
    """
    rows = read_rows(codes, factors, least_factors=2)
    check_count("points", points, least=10 * rows.factors.shape[1])
    check_count("pairs", pairs)
    parts = rows.halves(seed)
    check_shared(parts)
    value, error = bootstrap(
        partial(_accuracy, points, pairs), parts, resamples=resamples, seed=seed
    )
    protocol = (
        f"logistic regression on {points} points of {pairs} pairs, and as many to test; "
        f"{len(rows)} data"
    )
    return Score(float(value[0]), float(error[0]), protocol)


def _accuracy(points: int, pairs: int, train: Rows, test: Rows, rng: np.random.Generator) -> Array:
    from sklearn.linear_model import LogisticRegression

    x, factor = _points(train, points, pairs, rng)
    middle, scale = x.mean(axis=0), np.where(varies(x), x.std(axis=0), 1.0)
    classifier = LogisticRegression(max_iter=5000).fit((x - middle) / scale, factor)
    x, factor = _points(test, points, pairs, rng)
    return np.array([(classifier.predict((x - middle) / scale) == factor).mean()])


def _points(rows: Rows, points: int, pairs: int, rng: np.random.Generator) -> tuple[Array, Array]:
    groups = Groups(rows, rng)
    held = groups.factors(points)
    means = np.zeros((points, rows.codes.shape[1]))
    for k in np.unique(held):
        (chosen,) = np.nonzero(held == k)
        first = groups.data(len(chosen) * pairs)
        apart = np.abs(rows.codes[first] - rows.codes[groups.partners(int(k), first)])
        means[chosen] = apart.reshape(len(chosen), pairs, -1).mean(axis=1)
    return means, held
