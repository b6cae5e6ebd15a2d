"""The flat density, which is none: a prior that says nothing."""

from typing import Any

import pyro.distributions as dist
from torch import Tensor

from pyrovae.undefined import Undefined

__all__ = ["Flat"]


class Flat(dist.ImproperUniform):
    """The improper density that is 1 everywhere; it cannot be drawn from.

    Pyro's, with the log-density on the value's device and in its dtype.

    Args:
        support: Where it is 1, a constraint.
        batch_shape: Shape of the batch.
        event_shape: Shape of one value.
    """

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Refuses.

        Raises:
            Undefined: Always.
        """
        raise Undefined("the prior is flat, which is no density: there is nothing to draw from")

    def log_prob(self, value: Tensor) -> Tensor:
        """Zeros."""
        return super().log_prob(value).to(value)
