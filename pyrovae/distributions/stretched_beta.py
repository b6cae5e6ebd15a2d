"""A beta distribution whose interval is a little wider than [0, 1]."""

from math import log1p
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Size, Tensor
from torch.distributions import transform_to

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

    At 0 and 1 the beta density is 0 or infinite; with a margin :math:`m > 0` both are inner
    points. Without one this is the beta, except that 0 and 1 are refused: PyTorch's takes them,
    and gives infinities.

    Args:
        concentration1: :math:`\alpha`, positive.
        concentration0: :math:`\beta`, positive.
        margin: :math:`m`, not negative.
        validate_args: Whether to check arguments and values.

    Raises:
        ValueError: If the margin is negative, or, where checked, a concentration is not positive
            or a value lies outside.
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
        """The mode of the stretched variable, where there is one."""
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
        draws = super().rsample(Size(sample_shape))
        # In floating numbers a stretched draw can be an end itself, which the support excludes.
        eps = 4 * torch.finfo(draws.dtype).eps
        return draws.clamp(eps, 1 - eps) * (1 + 2 * self.margin) - self.margin

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of values."""
        if self._validate_args:
            self._validate_sample(value)
        unit = (value + self.margin) / (1 + 2 * self.margin)
        # The beta's own check would look for values in this support.
        pair = torch.stack([unit, 1 - unit], -1)
        return self._dirichlet.log_prob(pair) - log1p(2 * self.margin)

    def entropy(self) -> Tensor:
        """The entropy of the stretched variable."""
        return super().entropy() + log1p(2 * self.margin)
