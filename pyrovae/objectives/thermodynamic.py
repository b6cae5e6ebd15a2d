"""The thermodynamic variational bound."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from pyrovae.objectives.leaves import Coefficients, LeafObjective

__all__ = ["ThermodynamicELBO"]


class ThermodynamicELBO(LeafObjective):
    r"""The thermodynamic variational objective (TVO): log p(x) as an integral, by a left sum.

    .. math:: \log p(x) = \int_0^1 E_{\pi_\beta}[\log w] \, d\beta \ge
        \sum_{s=0}^{S-1} (\beta_{s+1} - \beta_s) \, E_{\pi_{\beta_s}}[\log w],
        \quad \pi_\beta \propto q(z \mid x)^{1-\beta} p(x, z)^\beta,
        \quad w = \frac{p(x, z)}{q(z \mid x)}

    with :math:`\beta_0 = 0` and :math:`\beta_1, \dots, \beta_S = 1` equally spaced in the
    logarithm. The expectations are estimated from the draws of the guide, with normalised weights
    :math:`w^{\beta_s}`. For any given draws, the value lies between those of `ELBO` and
    `ImportanceWeightedELBO`; with one partition it is the former. The gradient is that of the
    paper,

    .. math:: \nabla E_{\pi_\beta}[\log w] = E_{\pi_\beta}[\nabla \log w]
        + \operatorname{Cov}_{\pi_\beta}[\nabla \log \tilde \pi_\beta, \log w],

    which does not need reparameterisation, so latents may be discrete.

    Masrani, Le and Wood, 2019, The thermodynamic variational objective,
    https://arxiv.org/abs/1907.00031.

    Args:
        num_particles: Number of draws :math:`K` for each datum.
        partitions: Number of intervals :math:`S`.
        first_beta: The smallest positive value, :math:`\beta_1`, if there are several intervals.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If there are fewer than two particles, no partition, or ``first_beta`` is not
            between 0 and 1; at the first call, if a latent has a transform without inverse or
            is outside the data's plate. The message names the site.
    """

    paths = False

    def __init__(
        self,
        *,
        num_particles: int = 10,
        partitions: int = 5,
        first_beta: float = 0.025,
        max_plate_nesting: int = 1,
    ) -> None:
        if num_particles < 2:
            raise ValueError(f"num_particles: expected at least 2, got {num_particles}")
        if partitions < 1:
            raise ValueError(f"partitions: expected at least 1, got {partitions}")
        if not 0 < first_beta < 1:
            raise ValueError(f"first_beta: expected a number between 0 and 1, got {first_beta}")
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.partitions = partitions
        self.first_beta = first_beta

    def bound(self, log_weights: Tensor) -> Tensor:
        """Returns the left sum of each datum, ``(B,)``."""
        total = torch.zeros_like(log_weights[0])
        for beta, width in self._intervals():
            total = total + width * ((beta * log_weights).softmax(0) * log_weights).sum(0)
        return total

    def coefficients(self, log_weights: Tensor) -> Coefficients:
        r"""Returns the coefficients of the paper's gradient.

        The mean in the covariance is computed from the same draws. Each score is therefore
        multiplied by the deviation of its particle's :math:`\log w` from the mean, and by
        K / (K - 1), because the mean includes the particle itself. With equal weights (the first
        interval) the gradient is unbiased; elsewhere it is self-normalised.
        """
        bessel = len(log_weights) / (len(log_weights) - 1)
        model, density = torch.zeros_like(log_weights), torch.zeros_like(log_weights)
        for beta, width in self._intervals():
            weights = (beta * log_weights).softmax(0)
            excess = bessel * (log_weights - (weights * log_weights).sum(0))
            model += width * weights * (1 + beta * excess)
            density += width * weights * (1 - (1 - beta) * excess)
        return Coefficients(model=model, density=density, path=None)

    def _intervals(self) -> Iterator[tuple[float, float]]:
        """Yields the left end and the width of each interval."""
        s = self.partitions
        betas = [0.0, *(self.first_beta ** (1 - i / (s - 1)) for i in range(s - 1)), 1.0]
        for left, right in pairwise(betas):
            yield left, right - left
