"""The mutual information gap (MIG)."""

import numpy as np
from torch import Tensor

from pyrovae.checks import check_count
from pyrovae.disentanglement.rows import Rows, read_rows, varies
from pyrovae.disentanglement.score import Array, Score, bootstrap

__all__ = ["mig"]


def mig(
    codes: Tensor | Array,
    factors: Tensor | Array,
    *,
    bins: int = 20,
    resamples: int = 20,
    seed: int = 0,
) -> Score:
    r"""The mutual information gap: whether one variable alone knows each factor.

    .. math:: \frac{1}{K} \sum_{k=1}^{K} \frac{1}{H(v_k)}
        \left(I(z_{j(k)}; v_k) - \max_{j \ne j(k)} I(z_j; v_k)\right), \qquad
        j(k) = \arg\max_j I(z_j; v_k)

    Mutual information is that of the table of counts, each variable being cut into bins of equal
    width over its range. It is biased upward, by about (bins - 1) (levels - 1) / (2 N) nats, in
    both terms of the gap.

    Chen, Li, Grosse and Duvenaud, 2018, Isolating sources of disentanglement in VAEs,
    https://arxiv.org/abs/1802.04942, who draw codes where these are, as usual since, one for each
    datum.

    Args:
        codes: ``(N, D)``.
        factors: The levels of the factors, integers ``(N, K)``.
        bins: How many bins.
        resamples: How often the data are resampled for the error.
        seed: Of that.

    Returns:
        The gap, and that of each factor.

    Raises:
        ValueError: If codes and factors do not fit, or a number is too small.
    """
    check_count("bins", bins, least=2)
    rows = read_rows(codes, factors)
    # Cut once: where a bin ends does not depend on which data are drawn anew.
    cut = Rows(_in_bins(rows.codes, bins), rows.factors)
    value, error = bootstrap(_gaps, (cut,), resamples=resamples, seed=seed)
    return Score(
        value=float(value[0]),
        data_se=float(error[0]),
        protocol=f"{bins} bins of equal width over the range of each code; {len(rows)} data",
        by_factor=tuple(value[1:].tolist()),
    )


def _in_bins(codes: Array, bins: int) -> Array:
    """Which bin each value is in; all in the first where a variable is constant."""
    low, high = codes.min(axis=0), codes.max(axis=0)
    width = np.where(varies(codes), high - low, 1.0)
    return np.minimum((bins * ((codes - low) / width)).astype(np.int64), bins - 1)


def _gaps(rows: Rows, rng: np.random.Generator) -> Array:
    gaps = []
    for factor in rows.factors.T:
        levels = np.unique(factor, return_inverse=True)[1]
        entropy = _entropy(np.bincount(levels))
        information = [
            entropy + _entropy(np.bincount(code)) - _joint_entropy(code, levels)
            for code in rows.codes.T
        ]
        second, first = sorted([0.0, *information])[-2:]
        # Data drawn anew may all have one level, of which there is nothing to know.
        gaps.append((first - second) / entropy if entropy > 0 else 0.0)
    return np.array([np.mean(gaps), *gaps])


def _joint_entropy(code: Array, levels: Array) -> float:
    return _entropy(np.bincount(code * (levels.max() + 1) + levels))


def _entropy(counts: Array) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
