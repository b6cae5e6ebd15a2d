"""One transition of Hamiltonian Monte Carlo, for many chains at once."""

from collections.abc import Callable

import torch
from torch import Tensor

from pyrovae.evaluation.annealing.density import Point
from pyrovae.objectives.leapfrog import leapfrog

__all__ = ["transition"]

JITTER = 0.2  # relative random change of the step size, so that no orbit is closed


def transition(
    point: Point,
    at: Callable[[Tensor], Point],
    *,
    beta: float,
    step_size: Tensor,
    leapfrog_steps: int,
) -> tuple[Point, Tensor]:
    r"""Moves R chains and leaves :math:`\pi_\beta(z) \propto p(z) \, p(x \mid z)^\beta` invariant.

    A momentum is drawn, the leapfrog scheme follows it, and its end point is accepted with
    probability :math:`\min(1, e^{-\Delta H})`; a point whose density is NaN is rejected. The step
    size varies at random by a fifth, independently of the position of the chains.

    Neal, 2011, MCMC using Hamiltonian dynamics, https://arxiv.org/abs/1206.1901.

    Args:
        point: The position of the chains.
        at: Evaluates the program at a position.
        beta: The inverse temperature, between 0 (the prior) and 1 (the posterior).
        step_size: The step size of each chain, ``(R,)``.
        leapfrog_steps: Number of leapfrog steps in one transition.

    Returns:
        The new position of the chains, and the acceptance probability of each proposal, ``(R,)``.
    """
    noise = 2 * torch.rand_like(step_size) - 1
    step = (step_size * (1 + JITTER * noise)).unsqueeze(1)
    momentum = torch.randn_like(point.position)
    before = _energy(point, momentum, beta)
    proposal, momentum = leapfrog(
        point,
        momentum,
        at=at,
        position=lambda place: place.position,
        force=lambda place: _gradient(place, beta),
        step=step,
        steps=leapfrog_steps,
    )
    # If the energies are infinite or NaN, the proposal is rejected.
    probability = (before - _energy(proposal, momentum, beta)).exp().clamp(max=1).nan_to_num(nan=0)
    accepted = torch.rand_like(probability) < probability
    return proposal.where(accepted, point), probability


def _energy(point: Point, momentum: Tensor, beta: float) -> Tensor:
    # At 0 the likelihood does not count, even where it is minus infinity.
    tempered = beta * point.log_likelihood if beta > 0 else 0.0
    return momentum.square().sum(1) / 2 - point.log_prior - tempered


def _gradient(point: Point, beta: float) -> Tensor:
    if beta == 0:
        return point.prior_gradient
    return point.prior_gradient + beta * point.likelihood_gradient
