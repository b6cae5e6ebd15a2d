"""The log-normal, given by the location and scale of the logarithm."""

from typing import Any

import torch
from pyro.distributions import constraints
from torch import Size, Tensor

from pyrovae.distributions.location_scale import UnivariateLocationScale
from pyrovae.distributions.normal import Normal

__all__ = ["LogNormal"]


class LogNormal(UnivariateLocationScale):
    r"""Positive numbers whose logarithm is normal.

    .. math:: \log p(x) = \log N(\log x; \mu, \sigma^2) - \log x

    Args:
        loc: The location :math:`\mu` of the logarithm.
        scale: The scale :math:`\sigma` of the logarithm, positive.
        validate_args: Whether to check arguments and values.

    Raises:
        ValueError: If validation is on, and a scale or a value is not positive.
    """

    support = constraints.positive

    @property
    def mean(self) -> Tensor:
        """The mean, exp(mu + sigma^2 / 2)."""
        return (self.loc + 0.5 * self.scale.square()).exp()

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.mean.square() * self.scale.square().expm1()

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of positive numbers."""
        if self._validate_args:
            self._validate_sample(value)
        log = value.log()
        return Normal(self.loc, self.scale, validate_args=False).log_prob(log) - log

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, with gradients."""
        shape = self._extended_shape(Size(sample_shape))
        noise = torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        smallest = torch.finfo(noise.dtype).tiny
        return (self.loc + self.scale * noise).exp().clamp(min=smallest)
