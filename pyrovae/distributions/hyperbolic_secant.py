"""The hyperbolic secant distribution, whose log-density is minus a log-cosh."""

import math
from typing import Any

import torch
from pyro.distributions import constraints
from torch import Size, Tensor
from torch.distributions.utils import clamp_probs

from pyrovae.distributions.location_scale import UnivariateLocationScale

__all__ = ["HyperbolicSecant"]


class HyperbolicSecant(UnivariateLocationScale):
    r"""The hyperbolic secant: nearly normal around its location, with exponential tails.

    .. math:: p(x) = \frac{1}{\pi s \cosh r}, \quad r = \frac{x - \mu}{s}

    The log-cosh loss is its negative log-density. It is the distribution of
    :math:`\mu + s \log |c|` for a standard Cauchy variable c.

    Fischer, 2014, Generalized hyperbolic secant distributions,
    https://doi.org/10.1007/978-3-642-45138-6.

    Args:
        loc: The location :math:`\mu`, which is mean and median.
        scale: The scale s, positive; the standard deviation is :math:`\pi s / 2`.
        validate_args: Whether to check arguments and values.

    Raises:
        ValueError: If validation is on, and a scale is not positive.
    """

    support = constraints.real

    @property
    def mean(self) -> Tensor:
        """The location."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """The location."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        r"""The variance, :math:`(\pi s / 2)^2`."""
        return (0.5 * math.pi * self.scale).square()

    @property
    def stddev(self) -> Tensor:
        r"""The standard deviation, :math:`\pi s / 2`."""
        return 0.5 * math.pi * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of values."""
        if self._validate_args:
            self._validate_sample(value)
        r = (value - self.loc) / self.scale
        # log(2 cosh r); cosh itself would overflow.
        return -torch.logaddexp(r, -r) - self.scale.log() - math.log(math.pi / 2)

    def cdf(self, value: Tensor) -> Tensor:
        r"""The cumulative distribution function, :math:`\frac{2}{\pi} \arctan e^r`."""
        if self._validate_args:
            self._validate_sample(value)
        r = (value - self.loc) / self.scale
        tail = (-r.abs()).exp().atan() * (2 / math.pi)
        return torch.where(r < 0, tail, 1 - tail)

    def icdf(self, value: Tensor) -> Tensor:
        r"""The quantiles, :math:`\mu + s \log \tan \frac{\pi u}{2}`."""
        # Computed in the smaller tail, since a tangent near its pole keeps no digits.
        upper = value > 0.5
        tail = torch.where(upper, 1 - value, value)
        quantile = (0.5 * math.pi * tail).tan().log()
        return self.loc + self.scale * torch.where(upper, -quantile, quantile)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, with gradients."""
        shape = self._extended_shape(Size(sample_shape))
        u = torch.rand(shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.icdf(clamp_probs(u))

    def entropy(self) -> Tensor:
        r"""The differential entropy, :math:`\log 2 \pi s`."""
        return (2 * math.pi * self.scale).log()
