"""The average of several importance-weighted bounds."""

import math

from torch import Tensor

from pyrovae.objectives.particles import ParticleObjective

__all__ = ["MultiplyImportanceWeightedELBO", "check_groups", "mean_of_groups"]


class MultiplyImportanceWeightedELBO(ParticleObjective):
    r"""The average of several importance-weighted bounds (MIWAE).

    .. math:: \frac{1}{M} \sum_{m=1}^{M} \log \frac{1}{K / M} \sum_{k=1}^{K / M}
        \frac{p(x, z_{mk})}{q(z_{mk} \mid x)}, \quad z_{mk} \sim q(z \mid x)

    The bound is looser than one with all :math:`K` particles, but its gradient for the guide has
    less noise. One group gives the importance-weighted bound; as many groups as particles give the
    ELBO.

    Rainforth et al., 2018, Tighter variational bounds are not necessarily better,
    https://arxiv.org/abs/1802.04537.

    Args:
        num_particles: Number of draws :math:`K` for each datum, in all groups together.
        groups: Number :math:`M` of bounds to average; must divide ``num_particles``.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If ``groups`` does not divide ``num_particles``; at the first call, if a site
            is outside the data's plate. The message names the site.
    """

    def __init__(
        self, *, num_particles: int = 8, groups: int = 2, max_plate_nesting: int = 1
    ) -> None:
        check_groups(num_particles, groups)
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.groups = groups

    def bound(self, log_weights: Tensor) -> Tensor:
        """Returns the mean over groups of the logarithm of the mean weight, ``(B,)``."""
        return mean_of_groups(log_weights, self.groups)


def check_groups(num_particles: int, groups: int) -> None:
    """Rejects a number of particles that cannot be divided into groups of equal size."""
    if groups < 1 or num_particles % groups:
        raise ValueError(
            f"groups: expected a divisor of num_particles={num_particles}, got {groups}"
        )


def mean_of_groups(log_weights: Tensor, groups: int) -> Tensor:
    """Returns the mean over groups of importance-weighted bounds, from ``(K, B)`` to ``(B,)``."""
    grouped = log_weights.unflatten(0, (groups, -1))
    return (grouped.logsumexp(1) - math.log(grouped.shape[1])).mean(0)
