"""The bound of the Hamiltonian variational autoencoder."""

from collections.abc import Callable
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor

from pyrovae.objectives.dynamics import DynamicsObjective, Place

__all__ = ["HamiltonianELBO"]


class HamiltonianELBO(DynamicsObjective):
    r"""The bound of draws that follow the model's gradient towards the posterior (HVAE).

    Starting from :math:`z_0 \sim q(z \mid x)` and :math:`\rho_0 = \gamma_0 / \sqrt{\beta_0}` with
    :math:`\gamma_0 \sim N(0, I)`, the draws take K leapfrog steps under the potential
    :math:`-\log p(x, z)`. Each step is followed by a cooling of the momentum,
    :math:`\rho_k \leftarrow \sqrt{\beta_{k-1} / \beta_k} \, \rho_k`, with

    .. math:: \sqrt{\beta_k} = \left(\left(1 - \frac{1}{\sqrt{\beta_0}}\right) \frac{k^2}{K^2}
        + \frac{1}{\sqrt{\beta_0}}\right)^{-1}, \qquad
        \log \hat p(x) = \log \frac{p(x, z_K) \, N(\rho_K; 0, I)}{q(z_0 \mid x) \, N(\gamma_0; 0, I)}

    Since :math:`\beta_K = 1`, all coolings together undo the initial scale of :math:`\rho_0`, so
    volume is preserved and :math:`E[\hat p(x)] = p(x)` for any step size. Reports only use the
    guide: their bound is that of :math:`z_0`.

    In the paper, the step sizes (one for each variable) and :math:`\beta_0` are learned; here they
    are fixed, and all variables have one step size. Batch normalisation and dropout act at every
    step; see `DynamicsObjective`.

    Caterini, Doucet and Sejdinovic, 2018, Hamiltonian variational auto-encoder,
    https://arxiv.org/abs/1805.11328.

    Args:
        step_size: The leapfrog scheme's step, above 0.
        leapfrog_steps: Number of steps :math:`K`; each takes one gradient of the model.
        inverse_temperature: The initial value :math:`\beta_0`, in (0, 1]. With 1 there is no
            tempering, which conserves energy and gains little.
        num_particles: Number of draws for each datum, whose weights are averaged.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: As for `DynamicsObjective`, and if the inverse temperature is not in (0, 1].
    """

    def __init__(
        self,
        *,
        step_size: float = 0.05,
        leapfrog_steps: int = 3,
        inverse_temperature: float = 0.5,
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        if not 0 < inverse_temperature <= 1:
            raise ValueError(
                f"inverse_temperature: expected a number in (0, 1], got {inverse_temperature!r}"
            )
        super().__init__(
            step_size=step_size,
            leapfrog_steps=leapfrog_steps,
            num_particles=num_particles,
            max_plate_nesting=max_plate_nesting,
        )
        self.inverse_temperature = inverse_temperature

    def move(self, place: Place, at: Callable[[Tensor], Place]) -> tuple[Place, Tensor]:
        """Takes the leapfrog steps and the coolings; see `DynamicsObjective`."""
        begun = torch.randn_like(place.position)
        roots = self._roots()
        momentum = begun / roots[0]
        for before, after in pairwise(roots):
            place, momentum = self.step(place, momentum, at, force=_force)
            momentum = momentum * (before / after)
        return place, (begun.square() - momentum.square()) / 2

    def _roots(self) -> list[float]:
        """Returns the square roots of the inverse temperatures, from the first one to 1."""
        hot, last = 1 / sqrt(self.inverse_temperature), self.leapfrog_steps
        return [1 / ((1 - hot) * k**2 / last**2 + hot) for k in range(last + 1)]


def _force(place: Place) -> Tensor:
    return place.model
