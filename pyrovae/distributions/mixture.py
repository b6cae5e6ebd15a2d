"""A mixture that samplers can work with."""

import pyro.distributions as dist
from pyro.distributions import constraints

__all__ = ["Mixture"]


class Mixture(dist.MixtureSameFamily):
    """A mixture of one family that reports the support of its components.

    Samplers such as NUTS transform a site according to its support, and no transform is registered
    for the mixture's own constraint.
    """

    @property
    def support(self) -> constraints.Constraint:
        """The support of each component."""
        return self.component_distribution.support
