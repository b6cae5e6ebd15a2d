"""The logistic distribution, discretized to grey levels."""

from typing import Any, ClassVar

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions.utils import broadcast_all
from torch.nn.functional import logsigmoid

from pyrovae.distributions.levels import Levels, check_levels, level_of

__all__ = ["DiscretizedLogistic"]


class DiscretizedLogistic(TorchDistribution):
    r"""A logistic variable, rounded to the nearest grey level :math:`k / (L - 1)` in [0, 1].

    .. math:: p(x) = \sigma\left(\frac{x + h - \mu}{s}\right)
        - \sigma\left(\frac{x - h - \mu}{s}\right), \quad h = \frac{1}{2 (L - 1)}

    The first term is 1 at x = 1 and the second is 0 at x = 0, so the end levels contain all
    probability beyond them. The difference is not computed directly. With u and l the two
    arguments,

    .. math:: \log p(x) = \log \sigma(u) + \log \sigma(-l) + \log\left(1 - e^{-2h/s}\right)

    which is exact and keeps the digits of value and gradients, however small the probability.

    Kingma et al., 2016, Improving variational inference with inverse autoregressive flow,
    https://arxiv.org/abs/1606.04934.

    Args:
        loc: Location :math:`\mu`, any real number, in units of the grey values.
        scale: Scale :math:`s`, positive, in the same units.
        levels: Number of levels L.
        validate_args: Whether to check arguments and values.

    Raises:
        ValueError: If there are fewer than 2 levels. If validation is on, also if the scale is not
            positive or a value is off the grid.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def __init__(
        self,
        loc: Tensor | float,
        scale: Tensor | float,
        *,
        levels: int = 256,
        validate_args: bool | None = None,
    ) -> None:
        check_levels(levels)
        self.levels = levels
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Levels:
        """The grid of grey levels."""
        return Levels(self.levels)

    def expand(self, batch_shape: Size, _instance: Any = None) -> "DiscretizedLogistic":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(DiscretizedLogistic, _instance)
        batch_shape = Size(batch_shape)
        new.levels = self.levels
        new.loc, new.scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        super(DiscretizedLogistic, new).__init__(batch_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of grey levels."""
        if self._validate_args:
            self._validate_sample(value)
        level, top = level_of(value, self.levels), self.levels - 1
        # In units of a level, where edges are half-integers: two neighbours share an edge to the
        # last digit, so the probabilities sum to one however small the scale is.
        loc, scale = self.loc * top, self.scale * top
        below = logsigmoid((level + 0.5 - loc) / scale)
        above = logsigmoid((loc - (level - 0.5)) / scale)
        width = torch.log(-torch.expm1(-1 / scale))
        # All branches are finite, so that the gradient of an unused one is zero and not NaN.
        inner = (level > 0) & (level < top)
        zero = torch.zeros_like(below)
        return (
            torch.where(level < top, below, zero)
            + torch.where(level > 0, above, zero)
            + torch.where(inner, width, zero)
        )

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws grey levels."""
        with torch.no_grad():
            draws = dist.Logistic(self.loc, self.scale).sample(Size(sample_shape))
            return level_of(draws, self.levels) / (self.levels - 1)

    @property
    def mean(self) -> Tensor:
        """The expected grey level."""
        nearest = self._nearest()
        return nearest / (self.levels - 1) + self._moments(nearest)[0]

    @property
    def variance(self) -> Tensor:
        """The variance of the grey level."""
        mean, square = self._moments(self._nearest())
        return square - mean**2

    def _nearest(self) -> Tensor:
        """The level nearest to the location, as the origin about which moments are summed."""
        return level_of(self.loc.detach(), self.levels)

    def _moments(self, origin: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and mean square of the distance from a level, by summing the tails beyond it.

        If the origin were far from a level that has nearly all the probability, the variance would
        be a difference of two nearly equal numbers.
        """
        top = self.levels - 1
        mean, square = torch.zeros_like(self.loc), torch.zeros_like(self.loc)
        # One level at a time: all at once would take 256 times the memory of a batch.
        for k in range(1, self.levels):
            argument = (self.loc - (k - 0.5) / top) / self.scale
            # Beyond the lower edge of level k: P(x >= k) above the origin, P(x < k) below it.
            sign = torch.where(k > origin, 1.0, -1.0)
            tail = torch.sigmoid(sign * argument)
            mean = mean + sign * tail / top
            square = square + tail * (2 * (k - 0.5 - origin).abs()) / top**2
        return mean, square
