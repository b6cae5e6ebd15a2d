"""Importance sampling: running sums of the weights of each datum."""

import math

import torch
from torch import Tensor

__all__ = ["Halves", "ImportanceSampling"]


class ImportanceSampling:
    r"""Running sums of the weights of a batch, in constant memory for any number of draws.

    Args:
        size: Number of data B.
    """

    def __init__(self, size: int) -> None:
        # On the CPU in double precision, which not every accelerator supports.
        empty = torch.full((size,), -math.inf, dtype=torch.float64)
        self.log_sum, self.log_sum_squares = empty, empty.clone()
        self.samples = 0

    def add(self, log_weights: Tensor) -> None:
        """Adds log-weights, ``(S, B)``."""
        log_weights = log_weights.cpu().double()
        self.log_sum = torch.logaddexp(self.log_sum, log_weights.logsumexp(0))
        self.log_sum_squares = torch.logaddexp(
            self.log_sum_squares, (2 * log_weights).logsumexp(0)
        )
        self.samples += len(log_weights)

    @property
    def log_mean(self) -> Tensor:
        """The estimate for each datum, ``(B,)``."""
        return self.log_sum - math.log(self.samples)

    @property
    def ess(self) -> Tensor:
        """The effective sample size of each datum, ``(B,)``: 1 to S, or 0 if all weights are 0."""
        ess = (2 * self.log_sum - self.log_sum_squares).exp()
        return torch.where(self.log_sum == -math.inf, 0.0, ess)

    @property
    def variance(self) -> Tensor:
        r"""The variance of `log_mean`, :math:`\operatorname{var}(\bar w) / \bar w^2`, ``(B,)``.

        It is computed by the delta method. It is NaN for one draw, and if all weights are 0.
        """
        if self.samples == 1:
            return torch.full_like(self.log_sum, math.nan)
        ess = torch.where(self.ess == 0, math.nan, self.ess)
        spread = (1 / ess - 1 / self.samples).clamp(min=0)
        return spread * self.samples / (self.samples - 1)


class Halves:
    r"""The gain from twice the draws: all S of them, compared with S / 2 in either half.

    .. math:: \log \bar w_S - \tfrac{1}{2} (\log \bar w_{1 \dots S/2} + \log \bar w_{S/2 \dots S})

    In expectation this is how much the estimate rises from S / 2 draws to S. If the bias falls as
    1 / S, as it does for weights with a variance, the same amount is still missing.

    Args:
        size: Number of data B.
        samples: Number of draws S that will be added.
    """

    def __init__(self, size: int, samples: int) -> None:
        self._left = samples // 2
        self._halves = ImportanceSampling(size), ImportanceSampling(size)

    def add(self, log_weights: Tensor) -> None:
        """Adds log-weights, ``(S, B)``."""
        for half, part in zip(
            self._halves, (log_weights[: self._left], log_weights[self._left :]), strict=True
        ):
            if len(part):
                half.add(part)
        self._left = max(0, self._left - len(log_weights))

    def growth(self, log_mean: Tensor) -> Tensor:
        """The gain for each datum, given its estimate from all draws; NaN for one draw."""
        if not all(half.samples for half in self._halves):
            return torch.full_like(log_mean, math.nan)
        first, second = self._halves
        return log_mean - (first.log_mean + second.log_mean) / 2
