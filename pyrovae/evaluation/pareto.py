"""The tail of importance weights: whether their mean can be trusted."""

import math

import torch
from torch import Tensor

__all__ = ["TRUSTED_K", "Tail", "pareto_k", "tail_size"]

#: With a larger k the mean of the weights cannot be trusted, however many draws are feasible.
TRUSTED_K = 0.7
LEAST = 5  # exceedances needed to judge a tail
#: Log-weights closer than this, the rounding error of sums in float32, count as equal.
FLAT = 1e-3
PRIOR_DRAWS, PRIOR_K = 10, 0.5


def tail_size(samples: int) -> int:
    r"""The number of the S weights that count as the tail: :math:`\min(S / 5, 3 \sqrt S)`."""
    return min(samples // 5, math.ceil(3 * math.sqrt(samples)))


def pareto_k(largest: Tensor) -> Tensor:
    r"""Estimates the shape k of the generalised Pareto distribution of the largest weights.

    A distribution with this tail has moments up to the order 1 / k: as far as these draws show,
    the weights have no variance if k is above 0.5, and no mean if it is above 1. An estimate of k
    is a diagnostic and not a proof: the weights say nothing about parts of the posterior that no
    draw has reached.

    Vehtari et al., 2024, Pareto smoothed importance sampling, https://arxiv.org/abs/1507.02646,
    with the estimate of Zhang and Stephens, 2009, A new and efficient estimation method for the
    generalized Pareto distribution, https://doi.org/10.1198/tech.2009.08017, shrunk towards 0.5
    with the weight of ten draws.

    Args:
        largest: The logarithms of the M + 1 largest weights, ``(M + 1, B)``, in any order.

    Returns:
        k for each datum, ``(B,)``; minus infinity if these weights are all equal, infinity if one
        outweighs all the others by more than a number can hold, NaN if there are fewer than 5 or
        one is NaN.
    """
    n = len(largest) - 1
    logs = largest.double().sort(0).values
    k = torch.full_like(logs[0], math.nan)
    if n < LEAST:
        return k
    spread = logs[-1] - logs[0]
    weights = (logs - logs[-1]).exp()
    exceedances = weights[1:] - weights[:1]
    quartile = exceedances[int(n / 4 + 0.5) - 1]
    flat = spread <= FLAT
    known = ~flat & (quartile > 0)
    k[known] = _shape(exceedances[:, known])
    k[flat] = -math.inf
    k[~flat & (quartile <= 0)] = math.inf
    # Discrete latents have few distinct weights, which can tie with the smallest of the tail.
    tied = ~flat & (logs[int(n / 4 + 0.5)] == logs[0]) & logs[0].isfinite()
    for column in tied.nonzero().flatten().tolist():
        above = exceedances[:, column]
        above = above[above > 0]
        distinct = len(above.unique())
        k[column] = _shape(above.unsqueeze(1))[0] if distinct >= LEAST else -math.inf
    k[logs.isnan().any(0)] = math.nan
    return k


def _shape(x: Tensor) -> Tensor:
    """Zhang and Stephens' estimate from sorted exceedances, ``(M, B)``."""
    n = len(x)
    m = 30 + math.isqrt(n)
    grid = 1 - (m / (torch.arange(1, m + 1).to(x) - 0.5)).sqrt()
    b = grid.unsqueeze(1) / (3 * x[int(n / 4 + 0.5) - 1]) + 1 / x[-1]
    k = (-b.unsqueeze(1) * x).log1p().mean(1)
    weights = (n * ((-b / k).log() - k - 1)).softmax(0)
    found = (-(weights * b).sum(0) * x).log1p().mean(0)
    return (n * found + PRIOR_DRAWS * PRIOR_K) / (n + PRIOR_DRAWS)


class Tail:
    """Keeps the largest weights of each datum, from any number of them.

    Args:
        size: Number of data B.
        samples: Number of draws S that will be added.
    """

    def __init__(self, size: int, samples: int) -> None:
        self._kept = tail_size(samples) + 1
        self._largest = torch.empty(0, size, dtype=torch.float64)

    def add(self, log_weights: Tensor) -> None:
        """Adds log-weights, ``(S, B)``."""
        several = torch.cat([self._largest, log_weights.cpu().double()])
        self._largest = several.topk(min(self._kept, len(several)), dim=0).values

    @property
    def k(self) -> Tensor:
        """The `pareto_k` of the weights kept, ``(B,)``."""
        return pareto_k(self._largest)
