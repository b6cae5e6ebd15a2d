"""A beta distribution on an interval a little wider than [0, 1]."""

from math import log1p
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Size, Tensor
from torch.distributions import transform_to

from pyrovae.distributions.special import (
    at_least_single,
    deviance,
    digamma_difference,
    log_standard_gamma,
    stirling,
    stirling_difference,
    stirling_slope,
)

__all__ = ["OpenInterval", "StretchedBeta"]


class OpenInterval(constraints.Constraint):
    """The numbers between two bounds, without the bounds.

    Args:
        low: Lower bound.
        high: Upper bound.
    """

    event_dim = 0

    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each value lies strictly between the bounds."""
        value = at_least_single(value)  # half precision would round an end to the value next to it
        return (self.low < value) & (value < self.high)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OpenInterval) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((OpenInterval, self.low, self.high))

    def __repr__(self) -> str:
        return f"the open interval ({self.low:g}, {self.high:g})"


@transform_to.register(OpenInterval)
def _into(interval: OpenInterval) -> Any:
    return transform_to(constraints.interval(interval.low, interval.high))


class StretchedBeta(dist.Beta):
    r"""A beta variable stretched from (0, 1) to :math:`(-m, 1 + m)`.

    .. math:: p(x) = \frac{1}{1 + 2m} \operatorname{Beta}\left(
        \frac{x + m}{1 + 2m}; \alpha, \beta\right)

    At 0 and 1 the beta density is 0 or infinite; with a margin :math:`m > 0` both are interior
    points. Without a margin this is the beta distribution, except that the values 0 and 1 are
    refused: PyTorch's accepts them and returns infinities.

    Density, entropy, moments and draws are accurate to single precision for concentrations from
    1e-8 to 1e8; differences of :math:`\log \Gamma` lose the density from 1e4 on.

    Args:
        concentration1: The concentration :math:`\alpha`, positive.
        concentration0: The concentration :math:`\beta`, positive.
        margin: The margin :math:`m`, not negative.
        validate_args: Whether to check arguments and values.

    Raises:
        ValueError: If the margin is negative. If validation is on, also if a concentration is not
            positive or a value lies outside the interval.
    """

    def __init__(
        self,
        concentration1: Tensor,
        concentration0: Tensor,
        *,
        margin: float = 0.0,
        validate_args: bool | None = None,
    ) -> None:
        if not 0 <= margin < float("inf"):
            raise ValueError(f"margin: expected a number of at least 0, got {margin}")
        self.margin = margin
        super().__init__(concentration1, concentration0, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> OpenInterval:
        """The stretched interval, without its ends."""
        return OpenInterval(0 - self.margin, 1 + self.margin)

    @property
    def mean(self) -> Tensor:
        """The mean of the stretched variable."""
        return super().mean * (1 + 2 * self.margin) - self.margin

    @property
    def mode(self) -> Tensor:
        """The mode of the stretched variable, if there is one."""
        return super().mode * (1 + 2 * self.margin) - self.margin

    @property
    def variance(self) -> Tensor:
        """The variance of the stretched variable."""
        return super().variance * (1 + 2 * self.margin) ** 2

    def expand(self, batch_shape: Size, _instance: Any = None) -> "StretchedBeta":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(StretchedBeta, _instance)
        new.margin = self.margin
        return super().expand(batch_shape, new)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws with gradients."""
        shape = self._extended_shape(Size(sample_shape))
        # Computed from the logarithms of two gamma variables: the variables themselves underflow
        # for small concentrations, where a draw is close to one of the ends.
        log_odds = log_standard_gamma(self.concentration1.expand(shape)) - log_standard_gamma(
            self.concentration0.expand(shape)
        )
        draws = log_odds.sigmoid().to(self.concentration1.dtype)
        # Rounding can move a stretched draw to an end, which the support excludes.
        eps = 4 * torch.finfo(draws.dtype).eps
        return draws.clamp(eps, 1 - eps) * (1 + 2 * self.margin) - self.margin

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of values."""
        if self._validate_args:
            self._validate_sample(value)
        a, b, value = torch.broadcast_tensors(
            self.concentration1, self.concentration0, at_least_single(value)
        )
        width = 1 + 2 * self.margin
        low, high = (value + self.margin) / width, ((1 - value) + self.margin) / width
        total, difference = a + b, a * high - b * low
        apart = deviance(a, total * low, difference) + deviance(b, total * high, -difference)
        # log a b / (a + b) - log x (1 - x), written as log a plus log b / (a + b).
        edges = a.log() - low.log() - high.log() - torch.log1p(a / b)
        return self._constant() + edges - apart - log1p(2 * self.margin)

    def entropy(self) -> Tensor:
        """The entropy of the stretched variable."""
        a, b = self.concentration1, self.concentration0
        total = a + b
        slopes = total * stirling_slope(total) - a * stirling_slope(a) - b * stirling_slope(b)
        expected = digamma_difference(a, b) + digamma_difference(b, a)
        # The 1 is a (1 / a - 1 / (a + b)) + b (1 / b - 1 / (a + b)).
        unit = slopes + 1 - expected - self._constant() - a.log() + torch.log1p(a / b)
        return unit + log1p(2 * self.margin)

    def _constant(self) -> Tensor:
        """The remainder of Stirling's formula for the logarithm of 1 / B(a, b)."""
        a, b = self.concentration1, self.concentration0
        smaller, larger = torch.minimum(a, b), torch.maximum(a, b)
        return stirling_difference(larger, smaller) - stirling(smaller)
