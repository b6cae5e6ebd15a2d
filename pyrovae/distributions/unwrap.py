"""The distribution of single variables behind blocks of them and masks."""

from pyro.distributions.torch_distribution import MaskedDistribution
from torch.distributions import Distribution, Independent

__all__ = ["family", "unblocked", "unwrapped"]


def unblocked(distribution: Distribution) -> Distribution:
    """What is independent in a distribution of blocks (``to_event``), masks left in place."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return distribution


def unwrapped(distribution: Distribution) -> Distribution:
    """The distribution of the variables of which this is a block, or which this masks."""
    while isinstance(distribution, Independent | MaskedDistribution):
        distribution = distribution.base_dist
    return distribution


def family(distribution: Distribution) -> str:
    """What to call a distribution in a message: its class, whatever is independent in it."""
    return type(unwrapped(distribution)).__name__
