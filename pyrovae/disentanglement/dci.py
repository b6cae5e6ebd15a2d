"""Disentanglement, completeness and informativeness (DCI)."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from pyrovae.checks import check_count
from pyrovae.disentanglement.rows import Rows, read_rows
from pyrovae.disentanglement.score import Array, Score, bootstrap

__all__ = ["DCI", "dci"]


@dataclass(frozen=True)
class DCI:
    """What `dci` found.

    Attributes:
        disentanglement: Whether each variable predicts one factor alone.
        completeness: Whether each factor is predicted by one variable alone.
        informativeness: The share of held-out data whose levels are predicted from all variables.
        importances: How much each variable counts for each factor: D rows of K numbers, each
            column of which adds up to one.
    """

    disentanglement: Score
    completeness: Score
    informativeness: Score
    importances: list[list[float]]


def dci(
    codes: Tensor | Array,
    factors: Tensor | Array,
    *,
    trees: int = 20,
    resamples: int = 10,
    seed: int = 0,
) -> DCI:
    r"""Disentanglement, completeness and informativeness, from how codes predict factors.

    A random forest predicts each factor from the code; :math:`R_{jk}` is the importance of variable
    j in it. With the shares :math:`P_{jk} = R_{jk} / \sum_k R_{jk}` of a row and
    :math:`\tilde P_{jk} = R_{jk} / \sum_j R_{jk}` of a column,

    .. math:: D = \sum_j \rho_j \left(1 - H_K(P_{j \cdot})\right), \quad
        \rho_j = \frac{\sum_k R_{jk}}{\sum_{jk} R_{jk}}, \qquad
        C = \frac{1}{K} \sum_k \left(1 - H_D(\tilde P_{\cdot k})\right)

    where the base of the logarithms in H is the number of shares. Informativeness is the accuracy
    of the forests on held-out data, mean over the factors.

    Eastwood and Williams, 2018, A framework for the quantitative evaluation of disentangled
    representations, https://openreview.net/forum?id=By-7dz-AZ.

    Args:
        codes: ``(N, D)``.
        factors: The levels of the factors, integers ``(N, K)``, at least two factors.
        trees: How many trees a forest has. Each split of a tree looks at all variables.
        resamples: How often the data are resampled, and the forests grown anew, for the errors.
        seed: Of that, of the forests, and of which half of the data is held out.

    Raises:
        ValueError: If codes and factors do not fit, or a number is too small.
    """
    check_count("trees", trees)
    rows = read_rows(codes, factors, least_factors=2)
    value, error = bootstrap(
        partial(_statistics, trees), rows.halves(seed), resamples=resamples, seed=seed
    )
    protocol = (
        f"random forests of {trees} trees, levels as classes; {len(rows)} data, one half to test"
    )
    disentanglement, completeness, informativeness = (
        Score(float(v), float(e), protocol) for v, e in zip(value[:3], error[:3], strict=True)
    )
    importances = value[3:].reshape(rows.codes.shape[1], rows.factors.shape[1])
    return DCI(disentanglement, completeness, informativeness, importances.tolist())


def _statistics(trees: int, train: Rows, test: Rows, rng: np.random.Generator) -> Array:
    from sklearn.ensemble import RandomForestClassifier

    columns, accuracies = [], []
    for level, truth in zip(train.factors.T, test.factors.T, strict=True):
        forest = RandomForestClassifier(
            trees, max_features=None, random_state=int(rng.integers(2**31))
        )
        forest.fit(train.codes, level)
        columns.append(forest.feature_importances_)
        accuracies.append((forest.predict(test.codes) == truth).mean())
    importances = np.stack(columns, axis=1)
    found = [_disentanglement(importances), _completeness(importances), np.mean(accuracies)]
    return np.concatenate([found, importances.ravel()])


def _disentanglement(importances: Array) -> float:
    weights = importances.sum(axis=1)
    total = weights.sum()
    if total == 0:
        return 0.0
    return float((weights / total * [_certainty(row) for row in importances]).sum())


def _completeness(importances: Array) -> float:
    return float(np.mean([_certainty(column) for column in importances.T]))


def _certainty(amounts: Array) -> float:
    """One minus the entropy of the shares, in units of the highest possible; 0 without any."""
    total = amounts.sum()
    if total == 0:
        return 0.0
    if len(amounts) == 1:
        return 1.0
    shares = amounts[amounts > 0] / total
    return 1.0 + float((shares * np.log(shares)).sum()) / math.log(len(amounts))
