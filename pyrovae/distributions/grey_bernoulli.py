"""The Bernoulli for grey levels."""

from typing import Any

import pyro.distributions as dist
from pyro.distributions import constraints
from torch import Tensor

__all__ = ["GreyBernoulli"]


class GreyBernoulli(dist.Bernoulli):
    r"""A Bernoulli whose support is the unit interval: grey levels are scored as probabilities.

    .. math:: \log p(x) = x \log \mu + (1 - x) \log (1 - \mu), \quad x \in [0, 1]

    On {0, 1} it is the Bernoulli. Between 0 and 1 it is a cross-entropy that does not integrate to
    one, and therefore not a log-likelihood; `normalized_support` gives the values for which it is
    a density.
    """

    support = constraints.unit_interval
    normalized_support = constraints.boolean
    has_enumerate_support = False

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of grey levels."""
        return super().log_prob(value.to(self._param.dtype))

    @property
    def variance(self) -> Tensor:
        """The variance, computed without 1 - p, which loses digits if p is nearly 1."""
        return self.logits.sigmoid() * (-self.logits).sigmoid()

    def enumerate_support(self, expand: bool = True) -> Any:
        """Raises an error: the unit interval cannot be enumerated.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("GreyBernoulli has the unit interval as support")
