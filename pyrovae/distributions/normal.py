"""The normal, computed from the residual in units of its scale."""

import math

import pyro.distributions as dist
import torch
from torch import Tensor

__all__ = ["Normal", "resolution", "resolvable"]


class Normal(dist.Normal):
    r"""The normal with log-density :math:`-\frac12 r^2 - \log \sigma - \frac12 \log 2 \pi`.

    The residual :math:`r = (x - \mu) / \sigma` is divided before it is squared. Squares of the
    parameters overflow or underflow in single precision, for example in the gradient with respect
    to a scale of 1e-6 at a residual of 1e7. Here densities and gradients are finite for scales
    from 1e-8 to 1e8 and residuals up to 1e12 standard deviations.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of values."""
        if self._validate_args:
            self._validate_sample(value)
        residual = (value - self.loc) / self.scale
        return -0.5 * residual.square() - self.scale.log() - 0.5 * math.log(2 * math.pi)


def resolution(dtype: torch.dtype) -> float:
    """The smallest scale relative to the size of draws, 2^-16 in single precision.

    A draw is rounded to 2^-24 of its size, which is then below 1 % of a standard deviation.
    """
    return 2**7 * torch.finfo(dtype).eps


def resolvable(scale: Tensor, reach: Tensor) -> Tensor:
    r"""Raises scales to the smallest that draws of a given size can resolve.

    A draw is a floating-point number, and its noise is lost if :math:`\sigma < 2^{-24} |\mu|`. The
    density at the draw is then that of a value several standard deviations away, or of the mean
    itself, and bounds of the evidence are wrong by whole nats.

    Args:
        scale: Positive numbers.
        reach: The size of draws, such as the absolute value of the mean.

    Returns:
        The scales, raised to at least `resolution` times the reach.
    """
    return torch.maximum(scale, resolution(scale.dtype) * reach.detach().abs())
