"""Counts: the Poisson, and the negative binomial given by its mean and dispersion."""

from typing import Any, ClassVar

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions.utils import broadcast_all

from pyrovae.distributions.special import (
    deviance,
    log_excess,
    log_standard_gamma,
    stirling,
    stirling_difference,
)

__all__ = ["NegativeBinomial", "Poisson"]

# Poisson draws go through 64-bit integers.
_LARGEST_RATE = 1e18


class Poisson(dist.Poisson):
    r"""A Poisson that is accurate for large counts.

    .. math:: \log p(x) = x \log \lambda - \lambda - \log x!
        = -\left(x \log \frac{x}{\lambda} + \lambda - x\right) - T(x)

    computed by `deviance` and `stirling`. The three terms of the first form are each 1e7 nats at a
    million counts, so single precision loses a nat.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of counts."""
        if self._validate_args:
            self._validate_sample(value)
        rate, value = torch.broadcast_tensors(self.rate, value.to(self.rate))
        return -deviance(value, rate) - stirling(value)

    def scaled(self, factor: Tensor) -> "Poisson":
        """The distribution with the rate multiplied by a factor."""
        return Poisson(self.rate * factor)


class NegativeBinomial(TorchDistribution):
    r"""Counts with a given mean, and a variance above the mean.

    .. math:: p(x) = \frac{\Gamma(x + r)}{x! \, \Gamma(r)}
        \left(\frac{r}{r + \mu}\right)^r \left(\frac{\mu}{r + \mu}\right)^x, \quad r = 1 / \alpha

    The variance is :math:`\mu + \alpha \mu^2`. Computed by `deviance` and `stirling`, the density
    is accurate to single precision for means and dispersions from 1e-8 to 1e8, and tends to the
    Poisson as :math:`\alpha` goes to 0. A difference of :math:`\log \Gamma` is off by whole nats
    there.

    Args:
        mean: The means :math:`\mu`, positive.
        dispersion: The dispersions :math:`\alpha`, positive.
        validate_args: Whether to check arguments and values.

    Raises:
        ValueError: If validation is on, and a parameter is not positive or a value is not an
            integer of at least 0.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "mean": constraints.positive,
        "dispersion": constraints.positive,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self,
        mean: Tensor | float,
        dispersion: Tensor | float,
        *,
        validate_args: bool | None = None,
    ) -> None:
        self._mean, self.dispersion = broadcast_all(mean, dispersion)
        super().__init__(self._mean.shape, validate_args=validate_args)

    def expand(self, batch_shape: Size, _instance: Any = None) -> "NegativeBinomial":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(NegativeBinomial, _instance)
        batch_shape = Size(batch_shape)
        new._mean = self._mean.expand(batch_shape)
        new.dispersion = self.dispersion.expand(batch_shape)
        super(NegativeBinomial, new).__init__(batch_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def scaled(self, factor: Tensor) -> "NegativeBinomial":
        """The distribution with the mean multiplied by a factor, and the same dispersion."""
        return NegativeBinomial(self.mean * factor, self.dispersion)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        return self._mean

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.mean * (1 + self.dispersion * self.mean)

    @property
    def mode(self) -> Tensor:
        """The most probable count (the larger one, if there are two)."""
        return (self.mean * (1 - self.dispersion)).clamp(min=0).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of counts."""
        if self._validate_args:
            self._validate_sample(value)
        mean, alpha, x = torch.broadcast_tensors(self.mean, self.dispersion, value.to(self.mean))
        # Of x + r, the shares mean / (r + mean) and r / (r + mean) are expected for x and r, and
        # both differ from these by the same number. Written in alpha = 1 / r, since r is infinite
        # for the Poisson.
        growth = 1 + alpha * mean
        ratio = (1 + alpha * x) / growth
        difference = (x - mean) / growth
        apart = deviance(x, mean * ratio, difference)
        apart = apart + log_excess(alpha * difference, ratio) / alpha
        remainder = stirling_difference(alpha.reciprocal(), x) - stirling(x)
        return remainder - torch.log1p(alpha * x) - apart

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws counts: Poisson variables whose rates are gamma variables."""
        shape = self._extended_shape(Size(sample_shape))
        with torch.no_grad():
            mean, dispersion = self.mean.expand(shape), self.dispersion.expand(shape)
            log_gamma = log_standard_gamma(dispersion.reciprocal())
            rate = (log_gamma + mean.log() + dispersion.log()).exp()
            return torch.poisson(rate.clamp(max=_LARGEST_RATE)).to(mean.dtype)
