"""The gamma distribution, accurate over the whole range of its parameters."""

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import register_kl

from pyrovae.distributions.special import (
    deviance,
    log_standard_gamma,
    stirling,
    stirling_slope,
)

__all__ = ["Gamma"]


class Gamma(dist.Gamma):
    r"""The gamma distribution, computed from terms that keep their digits.

    .. math:: p(z) = \frac{b^a}{\Gamma(a)} z^{a - 1} e^{-b z}

    The logarithm is :math:`-D(a, b z) - T(a) + \log a - \log z` with the deviance D and the
    remainder T of Stirling's formula. Draws carry PyTorch's implicit gradient. For small shapes a
    they are computed by their logarithm, and draws below the smallest number of the precision
    become that number. With a = 0.1 this happens once in 6000 draws, and changes a bound by
    :math:`\log (a_q / a_p)` times that share.

    Implicit gradients: Figurnov, Mohamed and Mnih, 2018, https://arxiv.org/abs/1805.08498.

    Args:
        concentration: The shape a, positive.
        rate: The rate b, positive.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of positive numbers."""
        if self._validate_args:
            self._validate_sample(value)
        a = self.concentration
        return a.log() - stirling(a) - deviance(a, self.rate * value) - value.log()

    def sample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draws."""
        with torch.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: torch.Size = torch.Size()) -> Tensor:  # noqa: B008
        """Draws that carry gradients."""
        shape = self._extended_shape(sample_shape)
        draws = log_standard_gamma(self.concentration.expand(shape)).exp()
        draws = draws.to(self.rate.dtype) / self.rate.expand(shape)
        return draws.clamp(min=torch.finfo(draws.dtype).tiny)


@register_kl(Gamma, Gamma)
def _kl_gamma(q: Gamma, p: Gamma) -> Tensor:
    a, c = q.concentration, p.concentration
    # All terms are of the size of the result: a log a and the like are cancelled analytically.
    slopes = (a - c) * (stirling_slope(a) - 1 / a)
    constants = stirling(c) - stirling(a) + (a / c).log()
    return slopes + constants + deviance(c, a * (p.rate / q.rate))
