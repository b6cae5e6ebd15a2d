"""Counts of cells whose density is known: types, batches, depths and dispersions."""

from typing import NamedTuple

import numpy as np
from scipy import stats

__all__ = ["Cells", "make_cells"]

TYPES, BATCHES, DISPERSION, DEPTH = 4, 3, 0.25, 0.6


class Cells(NamedTuple):
    """Cells, and what they were made from.

    Attributes:
        counts: ``(N, genes)``.
        kind: The type of each, which no model sees.
        batch: The batch of each.
        log_depth: The logarithm of the size factor of each.
        log_density: The true log p(x) given batch and depth, ``(N,)``.
    """

    counts: np.ndarray
    kind: np.ndarray
    batch: np.ndarray
    log_depth: np.ndarray
    log_density: np.ndarray


def make_cells(cells: int, genes: int, *, seed: int) -> Cells:
    r"""Draws cells of a mixture of types.

    .. math:: x_g \sim \operatorname{NB}(e^{d + a_{kg} + b_{jg}}, \alpha), \quad
        p(x \mid j, d) = \frac{1}{4} \sum_k \prod_g p(x_g \mid k, j, d)
    """
    random = np.random.default_rng(1000 + seed)
    of_type = random.normal(0.0, 0.7, (TYPES, genes))
    of_batch = random.normal(0.0, 0.5, (BATCHES, genes))
    kind = random.integers(TYPES, size=cells)
    batch = random.integers(BATCHES, size=cells)
    log_depth = random.normal(0.5, DEPTH, cells)
    log_mean = log_depth[:, None, None] + of_type + of_batch[batch][:, None]
    mean = np.exp(log_mean)
    r = 1 / DISPERSION
    chosen = mean[np.arange(cells), kind]
    counts = random.poisson(random.gamma(r, chosen / r))
    each = stats.nbinom.logpmf(counts[:, None], r, r / (r + mean)).sum(-1)
    density = np.logaddexp.reduce(each, axis=1) - np.log(TYPES)
    return Cells(counts, kind, batch, log_depth, density)
