"""Separated attribute predictability (SAP)."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from torch import Tensor

from pyrovae.disentanglement.rows import Rows, read_rows, varies
from pyrovae.disentanglement.score import Array, Score, bootstrap

__all__ = ["sap"]

PENALTY = 0.01  # C of the support vector machine, as in the paper's code and those after it


def sap(
    codes: Tensor | Array,
    factors: Tensor | Array,
    *,
    categorical: Sequence[int] = (),
    resamples: int = 20,
    seed: int = 0,
) -> Score:
    r"""Separated attribute predictability: by how much one variable predicts a factor best.

    .. math:: \frac{1}{K} \sum_{k=1}^{K} \left(S_{j(k) k} - \max_{j \ne j(k)} S_{jk}\right),
        \qquad j(k) = \arg\max_j S_{jk}

    :math:`S_{jk}` says how well variable j alone predicts factor k: for a factor whose levels are
    in an order, the squared correlation with the level; for a categorical one, the balanced accuracy
    with which a linear support vector machine tells the levels of held-out data (C = 0.01, classes
    weighed to be balanced, the variable standardised): the mean over the levels of the share of
    their data that are told. A constant variable has that of guessing, one over the number of
    levels, and stands in for the second variable where there is but one.

    Kumar, Sattigeri and Balakrishnan, 2018, Variational inference of disentangled latent concepts
    from unlabeled observations, https://arxiv.org/abs/1711.00848.

    Args:
        codes: ``(N, D)``.
        factors: The levels of the factors, integers ``(N, K)``.
        categorical: The positions of factors whose levels are in no order.
        resamples: How often the data are resampled for the error.
        seed: Of that, and of which half of the data is held out.

    Returns:
        The score, and that of each factor.

    Raises:
        ValueError: If codes and factors do not fit, or there is no factor of such a position.
    """
    rows = read_rows(codes, factors)
    places = range(rows.factors.shape[1])
    if not set(categorical) <= set(places):
        raise ValueError(
            f"categorical: expected positions of factors, below {len(places)}, got {[*categorical]}"
        )
    parts = rows.halves(seed)
    value, error = bootstrap(
        partial(_gaps, frozenset(categorical)), parts, resamples=resamples, seed=seed
    )
    kinds = [f"balanced accuracy of a linear SVM for factors {sorted(set(categorical))}"] * bool(
        categorical
    )
    protocol = "; ".join(["squared correlation", *kinds, f"{len(rows)} data, one half to test"])
    return Score(
        value=float(value[0]),
        data_se=float(error[0]),
        protocol=protocol,
        by_factor=tuple(value[1:].tolist()),
    )


def _gaps(categorical: frozenset[int], train: Rows, test: Rows, rng: np.random.Generator) -> Array:
    gaps = []
    for k, (level, held_out) in enumerate(zip(train.factors.T, test.factors.T, strict=True)):
        if k in categorical:
            none = 1 / len(np.unique(held_out))
            scores = [
                _balanced_accuracy(a, level, b, held_out)
                for a, b in zip(train.codes.T, test.codes.T, strict=True)
            ]
        else:
            none = 0.0
            scores = [_squared_correlation(code, held_out) for code in test.codes.T]
        if len(scores) == 1:
            scores.append(none)  # as of a constant variable
        second, first = sorted(scores)[-2:]
        gaps.append(first - second)
    return np.array([np.mean(gaps), *gaps])


def _squared_correlation(code: Array, level: Array) -> float:
    if not (varies(code) and varies(level)):
        return 0.0
    a, b = code - code.mean(), level - level.mean()
    spread = (a * a).sum() * (b * b).sum()
    return float((a * b).sum() ** 2 / spread) if spread > 0 else 0.0


def _balanced_accuracy(code: Array, level: Array, held_out: Array, truth: Array) -> float:
    """The share of held-out data whose level a code of one variable tells, mean over the levels."""
    from sklearn.svm import LinearSVC

    levels = np.unique(truth)
    if not varies(code) or not varies(level):
        return 1 / len(levels)
    machine = LinearSVC(C=PENALTY, class_weight="balanced", dual=False)
    scale = code.std()
    machine.fit(((code - code.mean()) / scale)[:, None], level)
    told = machine.predict(((held_out - code.mean()) / scale)[:, None])
    return float(np.mean([(told[truth == one] == one).mean() for one in levels]))
