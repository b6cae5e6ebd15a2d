"""A datum of independent variables of which some were not observed."""

from typing import Any

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import MaskedDistribution
from torch import Tensor
from torch.distributions import Distribution, transform_to

from pyrovae.distributions.unwrap import unblocked

__all__ = ["PartlyObserved", "observe_partly", "observed_mask", "observed_values"]


class _WhereObserved(constraints.Constraint):
    """Asks of the observed values alone what another constraint asks of all."""

    def __init__(self, base_constraint: constraints.Constraint, observed: Tensor | bool) -> None:
        self.base_constraint = base_constraint
        self.observed = observed
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each value is in the other's set or was not observed."""
        return self.base_constraint.check(value) | ~torch.as_tensor(self.observed)


class PartlyObserved(MaskedDistribution):
    """Variables, or whole data, of which only those that a mask names count in the density.

    Unlike in ``distribution.mask(mask)`` the value of a variable that was not observed may be
    anything, NaN included: it reaches neither the density nor a gradient, and it is in the
    support. Draws and moments are those of all variables.
    """

    @property
    def support(self) -> constraints.Constraint:
        """The support of the variables, asked of the observed values."""
        return _WhereObserved(self.base_dist.support, self._mask)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of the observed variables, and 0 for the others."""
        # Zero times a gradient that is not finite would be NaN, so what is not counted has to be
        # inside the support all the same.
        mask = torch.as_tensor(self._mask)
        mask = mask.reshape(*mask.shape, *[1] * len(self.event_shape))
        return super().log_prob(torch.where(mask, value, self._inside(value)))

    def _inside(self, like: Tensor) -> Tensor:
        each: Any = unblocked(self.base_dist)
        if hasattr(each, "inside"):  # of a family for each variable
            found: Tensor = each.inside(like)
            return found
        zero = like.new_zeros(())
        return zero if each.support.is_discrete else transform_to(each.support)(zero)


def observe_partly(distribution: Distribution, mask: Tensor) -> Distribution:
    r"""The marginal of the observed variables of a datum whose variables are independent.

    .. math:: \log p(x_{obs} \mid z) = \sum_d m_d \log p(x_d \mid z)

    Args:
        distribution: p(x|z), with the variables as event.
        mask: True where a variable is observed, ``(*batch, *event)`` or with ones in it.

    Returns:
        A distribution of the same event, for whose density the other variables' values do not
        matter.

    Raises:
        ValueError: If the variables are not independent. The distribution is named.
    """
    each = unblocked(distribution)
    if each.event_shape:
        raise ValueError(
            f"expected a distribution of independent variables, some of which can be left out, "
            f"got {type(each).__name__} over events of shape {tuple(each.event_shape)}"
        )
    return PartlyObserved(each, mask).to_event(len(distribution.event_shape))


def observed_mask(distribution: Distribution, value: Tensor) -> Tensor | None:
    """Which values count in a density; None where all do.

    Args:
        distribution: What scores the value, in blocks or not, masked or not.
        value: What it scores.

    Returns:
        Bool, in the value's shape.
    """
    distribution = unblocked(distribution)
    if not isinstance(distribution, MaskedDistribution):
        return None
    mask = torch.as_tensor(distribution._mask, device=value.device)
    mask = mask.reshape(*mask.shape, *[1] * len(distribution.event_shape))
    # Particles and draws repeat the data's mask in dimensions that the data do not have.
    while mask.dim() > value.dim():
        mask = mask[0]
    return mask.expand_as(value)


def observed_values(distribution: Distribution, value: Tensor) -> Tensor:
    """The values that count in a density: all, or those that a mask in the distribution names.

    Args:
        distribution: What scores the value, in blocks or not, masked or not.
        value: What it scores.

    Returns:
        The value itself, or what the mask leaves of it as a vector.
    """
    mask = observed_mask(distribution, value)
    return value if mask is None else value[mask]
