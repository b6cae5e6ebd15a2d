"""The differentiable bound of annealed importance sampling."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from pyrovae.objectives.dynamics import DynamicsObjective, Place
from pyrovae.objectives.weights import Weight

__all__ = ["AnnealedELBO"]


class AnnealedELBO(DynamicsObjective):
    r"""A differentiable annealed importance sampling bound with uncorrected Hamiltonian steps.

    The draws move from the guide to the posterior through the densities
    :math:`\log \pi_k(z) = \beta_k \log p(x, z) + (1 - \beta_k) \log q(z \mid x)` with
    :math:`\beta_k = k / K`. At each of them the momentum is partially refreshed,
    :math:`\rho'_k = \eta \rho_{k-1} + \sqrt{1 - \eta^2} \, \varepsilon_k`, and one leapfrog step
    follows :math:`\nabla \log \pi_k`. Without an accept step everything is differentiable, and

    .. math:: \log \hat p(x) = \log \frac{p(x, z_K)}{q(z_0 \mid x)}
        + \sum_{k=1}^{K} \log \frac{N(\rho_k; 0, I)}{N(\rho'_k; 0, I)}

    has the expectation :math:`E[\hat p(x)] = p(x)` for any step size. Reports only use the guide:
    their bound is that of :math:`z_0`.

    In the papers, the step sizes, the damping :math:`\eta` and the :math:`\beta_k` are learned; here
    they are fixed, and the :math:`\beta_k` are equally spaced. Batch normalisation and dropout act at
    every step; see `DynamicsObjective`.

    Geffner and Domke, 2021, MCMC variational inference via uncorrected Hamiltonian annealing,
    https://arxiv.org/abs/2107.04150; Zhang et al., 2021, Differentiable annealed importance
    sampling and the perils of gradient noise, https://arxiv.org/abs/2107.10211; Thin et al., 2021,
    Monte Carlo variational auto-encoders, https://proceedings.mlr.press/v139/thin21a.html.

    Args:
        step_size: The leapfrog scheme's step, above 0.
        leapfrog_steps: Number of steps :math:`K`; each takes one gradient of model and guide.
        damping: The fraction :math:`\eta` of the momentum that is kept, in [0, 1].
        num_particles: Number of draws for each datum, whose weights are averaged.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: As for `DynamicsObjective`, and at the first call, if the guide only knows the
            density of its own draws (planar and Sylvester flows).
    """

    damping = Weight(at_most=1.0)
    follows_guide = True

    def __init__(
        self,
        *,
        step_size: float = 0.05,
        leapfrog_steps: int = 3,
        damping: float = 0.9,
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        super().__init__(
            step_size=step_size,
            leapfrog_steps=leapfrog_steps,
            num_particles=num_particles,
            max_plate_nesting=max_plate_nesting,
        )
        self.damping = damping

    def move(self, place: Place, at: Callable[[Tensor], Place]) -> tuple[Place, Tensor]:
        """Moves the draws from the guide to the posterior; see `DynamicsObjective`."""
        kept = self.damping.to(place.position.dtype)
        drawn = (1 - kept**2).sqrt()
        momentum = torch.randn_like(place.position)
        gained = torch.zeros_like(momentum)
        for k in range(1, self.leapfrog_steps + 1):
            momentum = kept * momentum + drawn * torch.randn_like(momentum)
            before = momentum
            force = partial(_force, share=k / self.leapfrog_steps)
            place, momentum = self.step(place, momentum, at, force=force)
            gained = gained + (before.square() - momentum.square()) / 2
        return place, gained


def _force(place: Place, *, share: float) -> Tensor:
    return share * place.model + (1 - share) * place.guide
