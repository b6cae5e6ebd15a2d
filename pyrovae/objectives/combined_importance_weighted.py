"""A mixture of the evidence lower bound and the importance-weighted bound."""

import math

from torch import Tensor

from pyrovae.objectives.particles import ParticleObjective
from pyrovae.objectives.weights import Weight

__all__ = ["CombinedImportanceWeightedELBO"]


class CombinedImportanceWeightedELBO(ParticleObjective):
    r"""A convex combination of the ELBO and the importance-weighted bound (CIWAE).

    .. math:: \frac{\beta}{K} \sum_{k=1}^{K} \log w_k
        + (1 - \beta) \log \frac{1}{K} \sum_{k=1}^{K} w_k,
        \quad w_k = \frac{p(x, z_k)}{q(z_k \mid x)}, \quad z_k \sim q(z \mid x)

    Rainforth et al., 2018, Tighter variational bounds are not necessarily better,
    https://arxiv.org/abs/1802.04537.

    Args:
        elbo_weight: The weight :math:`\beta` of the ELBO, from 0 (the importance-weighted bound)
            to 1 (the ELBO).
        num_particles: Number of draws :math:`K` for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If ``elbo_weight`` is not in [0, 1]; at the first call, if a site is outside
            the data's plate. The message names the site.
    """

    elbo_weight = Weight(at_most=1)

    def __init__(
        self, *, elbo_weight: float = 0.05, num_particles: int = 5, max_plate_nesting: int = 1
    ) -> None:
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.elbo_weight = elbo_weight

    def bound(self, log_weights: Tensor) -> Tensor:
        """Returns the combination for each datum, ``(B,)``."""
        tight = log_weights.logsumexp(0) - math.log(len(log_weights))
        return self.elbo_weight * log_weights.mean(0) + (1 - self.elbo_weight) * tight
