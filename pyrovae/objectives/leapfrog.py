"""The leapfrog scheme: volume-preserving steps along the gradient of a density."""

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

__all__ = ["leapfrog"]

Place = TypeVar("Place")


def leapfrog(
    place: Place,
    momentum: Tensor,
    *,
    at: Callable[[Tensor], Place],
    position: Callable[[Place], Tensor],
    force: Callable[[Place], Tensor],
    step: Tensor | float,
    steps: int = 1,
) -> tuple[Place, Tensor]:
    r"""Integrates a position and a momentum under a force.

    .. math:: \rho \leftarrow \rho + \tfrac{\epsilon}{2} F(u), \quad u \leftarrow u + \epsilon \rho,
        \quad \rho \leftarrow \rho + \tfrac{\epsilon}{2} F(u)

    Each line moves one of the two by a function of the other, so the map preserves their joint
    volume, whatever the force.

    Neal, 2011, MCMC using Hamiltonian dynamics, https://arxiv.org/abs/1206.1901.

    Args:
        place: The starting place: a position together with what was computed there.
        momentum: The momentum, in the position's shape.
        at: Computes the place at a position.
        position: Returns the position of a place.
        force: Returns the force at a place, in the position's shape.
        step: The step size, which broadcasts to the position.
        steps: Number of steps; the force is computed once for each place.

    Returns:
        Place and momentum at the end.
    """
    momentum = momentum + step / 2 * force(place)
    for i in range(steps):
        place = at(position(place) + step * momentum)
        last = i == steps - 1
        momentum = momentum + (step / 2 if last else step) * force(place)
    return place, momentum
