"""The variational Renyi bound."""

import math

from torch import Tensor

from pyrovae.objectives.particles import ParticleObjective

__all__ = ["RenyiELBO"]


class RenyiELBO(ParticleObjective):
    r"""The variational Renyi bound.

    .. math:: \frac{1}{1 - \alpha} \log \frac{1}{K} \sum_{k=1}^{K}
        \left(\frac{p(x, z_k)}{q(z_k \mid x)}\right)^{1 - \alpha},
        \quad z_k \sim q(z \mid x)

    For :math:`\alpha = 0` it is the importance-weighted bound, for :math:`\alpha \to 1` the ELBO
    (which :math:`\alpha = 1` also gives). For :math:`\alpha < 0` it may exceed the evidence. The
    bound is computed for each datum separately, unlike in Pyro's class of the same name when a
    plate subsamples the data.

    Li and Turner, 2016, Renyi divergence variational inference,
    https://arxiv.org/abs/1602.02311.

    Args:
        alpha: The order :math:`\alpha`, a finite number.
        num_particles: Number of draws :math:`K` for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If ``alpha`` is not finite; at the first call, if a site is outside the data's
            plate. The message names the site.
    """

    def __init__(
        self, *, alpha: float = 0.5, num_particles: int = 5, max_plate_nesting: int = 1
    ) -> None:
        if not math.isfinite(alpha):
            raise ValueError(f"alpha: expected a finite number, got {alpha}")
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.alpha = alpha

    def bound(self, log_weights: Tensor) -> Tensor:
        """Returns the bound of each datum, ``(B,)``."""
        order = 1 - self.alpha
        if order == 0:
            return log_weights.mean(0)
        # The largest power is factored out, and expm1 and log1p keep small numbers accurate:
        # otherwise orders near zero would amplify rounding errors.
        largest = (log_weights.amax(0) if order > 0 else log_weights.amin(0)).detach()
        powers = (order * (log_weights - largest)).expm1()
        return largest + powers.mean(0).log1p() / order
