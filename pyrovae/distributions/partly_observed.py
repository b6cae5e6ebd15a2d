"""Data of independent variables, some of which were not observed."""

from typing import Any

import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import MaskedDistribution
from torch import Tensor
from torch.distributions import Distribution, transform_to

from pyrovae.distributions.unwrap import unblocked

__all__ = ["PartlyObserved", "observe_partly", "observed_mask", "observed_values"]


class _WhereObserved(constraints.Constraint):
    """Applies another constraint to the observed values only."""

    def __init__(self, base_constraint: constraints.Constraint, observed: Tensor | bool) -> None:
        self.base_constraint = base_constraint
        self.observed = observed
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each value satisfies the other constraint or was not observed."""
        return self.base_constraint.check(value) | ~torch.as_tensor(self.observed)


class PartlyObserved(MaskedDistribution):
    """Variables, or whole data, of which only those marked by a mask count in the density.

    Unlike with ``distribution.mask(mask)``, the value of an unobserved variable may be anything,
    including NaN: it affects neither the density nor a gradient, and it is in the support. Draws
    and moments are those of all variables.
    """

    @property
    def support(self) -> constraints.Constraint:
        """The support of the variables, checked for the observed values only."""
        return _WhereObserved(self.base_dist.support, self._mask)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of the observed variables, and 0 for the others."""
        # Zero times an infinite gradient would be NaN, so even values that do not count have to be
        # inside the support.
        mask = torch.as_tensor(self._mask)
        mask = mask.reshape(*mask.shape, *[1] * len(self.event_shape))
        return super().log_prob(torch.where(mask, value, self._inside(value)))

    def _inside(self, like: Tensor) -> Tensor:
        each: Any = unblocked(self.base_dist)
        if hasattr(each, "inside"):  # a distribution with a family for each variable
            found: Tensor = each.inside(like)
            return found
        zero = like.new_zeros(())
        return zero if each.support.is_discrete else transform_to(each.support)(zero)


def observe_partly(distribution: Distribution, mask: Tensor) -> Distribution:
    r"""The marginal of the observed variables of a datum whose variables are independent.

    .. math:: \log p(x_{obs} \mid z) = \sum_d m_d \log p(x_d \mid z)

    Args:
        distribution: p(x|z), with the variables as event.
        mask: True where a variable is observed, ``(*batch, *event)``, possibly with dimensions of
            size 1.

    Returns:
        A distribution over the same event, whose density does not depend on the values of the
        other variables.

    Raises:
        ValueError: If the variables are not independent. The message names the distribution.
    """
    each = unblocked(distribution)
    if each.event_shape:
        raise ValueError(
            "expected a distribution of independent variables, of which some can be omitted, got "
            f"{type(each).__name__} over events of shape {tuple(each.event_shape)}"
        )
    return PartlyObserved(each, mask).to_event(len(distribution.event_shape))


def observed_mask(distribution: Distribution, value: Tensor) -> Tensor | None:
    """Which values count in a density, or None if all do.

    Args:
        distribution: The distribution that scores the value; it may be in blocks or masked.
        value: The value that it scores.

    Returns:
        A bool tensor with the shape of the value.
    """
    distribution = unblocked(distribution)
    if not isinstance(distribution, MaskedDistribution):
        return None
    mask = torch.as_tensor(distribution._mask, device=value.device)
    mask = mask.reshape(*mask.shape, *[1] * len(distribution.event_shape))
    # Particles and draws repeat the mask in dimensions that the data do not have.
    while mask.dim() > value.dim():
        mask = mask[0]
    return mask.expand_as(value)


def observed_values(distribution: Distribution, value: Tensor) -> Tensor:
    """The values that count in a density: all, or those selected by the distribution's mask.

    Args:
        distribution: The distribution that scores the value; it may be in blocks or masked.
        value: The value that it scores.

    Returns:
        The value itself, or a vector of the entries that the mask selects.
    """
    mask = observed_mask(distribution, value)
    return value if mask is None else value[mask]
