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

    For :math:`\alpha = 0` it is the importance-weighted bound, for :math:`\alpha \to 1` the
    ELBO (which 1 itself gives); for :math:`\alpha < 0` it may exceed the evidence. It is taken
    for each datum by itself, unlike Pyro's of that name where a plate draws a batch from more
    data.

    Li and Turner, 2016, Renyi divergence variational inference,
    https://arxiv.org/abs/1602.02311.

    Args:
        alpha: The order :math:`\alpha`, a finite number.
        num_particles: Number of draws :math:`K` for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If ``alpha`` is not finite; at the first call, if a site lies outside the
            data's plate. The site is named.
    """

    def __init__(
        self, *, alpha: float = 0.5, num_particles: int = 5, max_plate_nesting: int = 1
    ) -> None:
        if not math.isfinite(alpha):
            raise ValueError(f"alpha: expected a finite number, got {alpha}")
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.alpha = alpha

    def bound(self, log_weights: Tensor) -> Tensor:
        """The bound of each datum, ``(B,)``."""
        order = 1 - self.alpha
        if order == 0:
            return log_weights.mean(0)
        # The largest power is taken out, and small numbers are kept small: orders near zero
        # would otherwise divide rounding errors.
        largest = (log_weights.amax(0) if order > 0 else log_weights.amin(0)).detach()
        powers = (order * (log_weights - largest)).expm1()
        return largest + powers.mean(0).log1p() / order
