"""The importance-weighted bound."""

import math

from torch import Tensor

from pyrovae.objectives.particles import ParticleObjective

__all__ = ["ImportanceWeightedELBO"]


class ImportanceWeightedELBO(ParticleObjective):
    r"""The importance-weighted bound, which tightens with the number of particles (IWAE).

    .. math:: \log \frac{1}{K} \sum_{k=1}^{K} \frac{p(x, z_k)}{q(z_k \mid x)},
        \quad z_k \sim q(z \mid x)

    The bound is computed for each datum separately, so it stays a bound if a plate subsamples the
    data. With one particle it is the `ELBO`.

    Burda, Grosse and Salakhutdinov, 2016, Importance weighted autoencoders,
    https://arxiv.org/abs/1509.00519.

    Args:
        num_particles: Number of draws :math:`K` for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.
    """

    def __init__(self, *, num_particles: int = 5, max_plate_nesting: int = 1) -> None:
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)

    def bound(self, log_weights: Tensor) -> Tensor:
        """Returns the logarithm of the mean weight, ``(B,)``."""
        return log_weights.logsumexp(0) - math.log(len(log_weights))
