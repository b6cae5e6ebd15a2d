"""The score of FactorVAE: which variable varies least where a factor is held."""

from functools import partial

import numpy as np
from torch import Tensor

from pyrovae.checks import check_count
from pyrovae.disentanglement.groups import Groups, check_shared
from pyrovae.disentanglement.rows import Rows, read_rows, varies
from pyrovae.disentanglement.score import Array, Score, bootstrap

__all__ = ["factor_vae_score"]


def factor_vae_score(
    codes: Tensor | Array,
    factors: Tensor | Array,
    *,
    votes: int = 800,
    group: int = 64,
    resamples: int = 20,
    seed: int = 0,
) -> Score:
    r"""The score of FactorVAE: whether the least varying variable tells which factor was held.

    For each vote a factor k is chosen and data are drawn that share its level; the vote is
    :math:`\arg\min_j \operatorname{Var}(z_j) / s_j^2` over them, with the variance :math:`s_j^2`
    over all data. The classifier takes for each variable the factor that most of its votes were
    for; the score is its accuracy on as many other votes. Guessing has 1/K.

    Kim and Mnih, 2018, Disentangling by factorising, https://arxiv.org/abs/1802.05983. The data
    are drawn from those given, with replacement, and not made anew; votes are tested on data
    that the classifier has not seen. The error is too large for few data, about twice as large
    where a level has but a few: data drawn anew have fewer different ones of a level, which vary
    less.

    Args:
        codes: ``(N, D)``.
        factors: The levels of the factors, integers ``(N, K)``, at least two factors.
        votes: How many votes the classifier is made of, and tested on.
        group: How many data a vote is of.
        resamples: How often data and votes are drawn anew for the error.
        seed: Of the draws.

    Raises:
        ValueError: If codes and factors do not fit, a number is too small, or in a half of the
            data no two share a level of a factor.
    """
    check_count("votes", votes)
    check_count("group", group, least=2)
    rows = read_rows(codes, factors, least_factors=2)
    parts = rows.halves(seed)
    check_shared(parts)
    value, error = bootstrap(
        partial(_accuracy, votes, group), parts, resamples=resamples, seed=seed
    )
    protocol = f"{votes} votes of {group} data, and as many to test; {len(rows)} data"
    return Score(float(value[0]), float(error[0]), protocol)


def _accuracy(votes: int, group: int, train: Rows, test: Rows, rng: np.random.Generator) -> Array:
    scale = np.where(varies(train.codes), train.codes.var(axis=0), 0.0)
    variables, factors = _votes(train, votes, group, scale, rng)
    counts = np.zeros((train.codes.shape[1], train.factors.shape[1]))
    np.add.at(counts, (variables, factors), 1)
    variables, factors = _votes(test, votes, group, scale, rng)
    return np.array([(counts.argmax(axis=1)[variables] == factors).mean()])


def _votes(
    rows: Rows, votes: int, group: int, scale: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """The variable of each vote, and the factor that was held."""
    groups = Groups(rows, rng)
    held = groups.factors(votes)
    spread = np.zeros((votes, rows.codes.shape[1]))
    for k in np.unique(held):
        (chosen,) = np.nonzero(held == k)
        shared = groups.partners(int(k), groups.data(len(chosen)).repeat(group))
        spread[chosen] = rows.codes[shared].reshape(len(chosen), group, -1).var(axis=1)
    # A variable without a scale is constant, and no sign of anything.
    relative = np.divide(spread, scale, out=np.full_like(spread, np.inf), where=scale > 0)
    return relative.argmin(axis=1), held
