"""The leapfrog scheme: steps along a density's gradient that keep volumes."""

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
    r"""Follows a momentum under a force.

    .. math:: \rho \leftarrow \rho + \tfrac{\epsilon}{2} F(u), \quad u \leftarrow u + \epsilon \rho,
        \quad \rho \leftarrow \rho + \tfrac{\epsilon}{2} F(u)

    Each line moves one of the two by a function of the other, so that the map keeps the volume of
    both together, whatever the force.

    Neal, 2011, MCMC using Hamiltonian dynamics, https://arxiv.org/abs/1206.1901.

    Args:
        place: Where it begins, with what is known of that place.
        momentum: The momentum, of the position's shape.
        at: What is known of a position.
        position: The position of a place.
        force: The force there, of the position's shape.
        step: The step size, which broadcasts to the position.
        steps: How many steps; the force is asked for once a place.

    Returns:
        Place and momentum at the end.
    """
    momentum = momentum + step / 2 * force(place)
    for i in range(steps):
        place = at(position(place) + step * momentum)
        last = i == steps - 1
        momentum = momentum + (step / 2 if last else step) * force(place)
    return place, momentum
