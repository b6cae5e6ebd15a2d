"""Access to the distribution inside blocks of independent variables and masks."""

from pyro.distributions.torch_distribution import MaskedDistribution
from torch.distributions import Distribution, Independent

__all__ = ["family", "unblocked", "unwrapped"]


def unblocked(distribution: Distribution) -> Distribution:
    """Removes all blocks (``to_event``) around a distribution, but no masks inside them."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution


def unwrapped(distribution: Distribution) -> Distribution:
    """Removes all blocks and masks around a distribution."""
    while isinstance(distribution, Independent | MaskedDistribution):
        distribution = distribution.base_dist
    return distribution


def family(distribution: Distribution) -> str:
    """The name of a distribution for messages: its class, without blocks and masks."""
    return type(unwrapped(distribution)).__name__
