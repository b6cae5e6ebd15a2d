"""The normal, by its residual in units of its scale."""

import math

import pyro.distributions as dist
import torch
from torch import Tensor

__all__ = ["Normal", "resolution", "resolvable"]


class Normal(dist.Normal):
    r"""The normal with log-density :math:`-\frac12 r^2 - \log \sigma - \frac12 \log 2 \pi`.

    The residual :math:`r = (x - \mu) / \sigma` is squared after it is divided: squares of the
    parameters over- or underflow in single precision, in the gradient with respect to a scale of
    1e-6 when a residual is 1e7. Here densities and gradients are finite for scales from 1e-8 to
    1e8 and residuals to 1e12 standard deviations.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of values."""
        if self._validate_args:
            self._validate_sample(value)
        residual = (value - self.loc) / self.scale
        return -0.5 * residual.square() - self.scale.log() - 0.5 * math.log(2 * math.pi)


def resolution(dtype: torch.dtype) -> float:
    """The smallest scale in units of the largest number that draws reach, 2^-16 in single precision.

    A draw is rounded to 2^-24 of itself, which is then below 1 % of a standard deviation.
    """
    return 2**7 * torch.finfo(dtype).eps


def resolvable(scale: Tensor, reach: Tensor) -> Tensor:
    r"""Scales no smaller than what draws of that size can show.

    A draw is a floating number, and its noise is lost where :math:`\sigma < 2^{-24} |\mu|`: the
    density at what was drawn is then that of a value several standard deviations away, or of the
    mean itself, and bounds of the evidence are wrong by nats.

    Args:
        scale: Positive numbers.
        reach: How large draws are, such as the mean's absolute value.

    Returns:
        The scales, not below `resolution` times the reach.
    """
    return torch.maximum(scale, resolution(scale.dtype) * reach.detach().abs())
