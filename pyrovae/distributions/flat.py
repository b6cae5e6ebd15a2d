"""The improper flat density, which can serve as a prior."""

from typing import Any

import pyro.distributions as dist
from torch import Tensor

from pyrovae.undefined import Undefined

__all__ = ["Flat"]


class Flat(dist.ImproperUniform):
    """The improper density that is 1 everywhere on its support; it cannot be sampled from.

    It is Pyro's, with the log-density on the value's device and in its dtype.

    Args:
        support: The constraint that defines where the density is 1.
        batch_shape: Shape of the batch.
        event_shape: Shape of one value.
    """

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Raises an error: there is nothing to draw from.

        Raises:
            Undefined: Always.
        """
        raise Undefined("the prior is flat, which is not a density: there is nothing to draw from")

    def log_prob(self, value: Tensor) -> Tensor:
        """Zero for every value."""
        return super().log_prob(value).to(value)
