"""The product of two normals."""

from typing import Any

import pyro.distributions as dist
from torch.distributions import Distribution, Normal

from pyrovae.distributions.unwrap import unblocked

__all__ = ["normal_product"]


def normal_product(p: Distribution, q: Distribution) -> Distribution:
    r"""The diagonal normal whose density is proportional to the product of two normals.

    .. math:: \sigma^{-2} = \sigma_p^{-2} + \sigma_q^{-2}, \qquad
        \mu = \sigma^2 \left(\mu_p \sigma_p^{-2} + \mu_q \sigma_q^{-2}\right)

    Args:
        p: A normal over independent variables.
        q: Another normal over the same variables.

    Raises:
        ValueError: If one of them is not such a normal.
    """
    a, b = _variables(p), _variables(q)
    precision = a.scale**-2 + b.scale**-2
    loc = (a.loc * a.scale**-2 + b.loc * b.scale**-2) / precision
    return dist.Normal(loc, precision**-0.5).to_event(len(p.event_shape))


def _variables(distribution: Distribution) -> Any:
    each = unblocked(distribution)
    if not isinstance(each, Normal):
        raise ValueError(
            f"expected independent normals, whose product is normal, got {type(each).__name__}"
        )
    return each
