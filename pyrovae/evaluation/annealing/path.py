"""The path from prior to posterior: temperatures, step sizes, and weights of chains along it."""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from pyrovae.evaluation.annealing.density import Point
from pyrovae.evaluation.annealing.hmc import transition

__all__ = ["Path", "Steps", "inverse_temperatures", "tune"]

At = Callable[[Tensor], Point]
Steps = Iterator[tuple[Tensor, Tensor]]

SLOWNESS = 4.0  # the sigmoid is evaluated between minus and plus this
ACCEPTED = 0.65  # the rate at which HMC moves furthest for its cost, in many dimensions
RATE = 0.3  # how much one transition changes the logarithm of the step size
FIRST_STEP = 0.3  # for a prior of scale one


def inverse_temperatures(steps: int) -> list[float]:
    r"""The schedule :math:`0 = \beta_0 < \dots < \beta_T = 1`, a sigmoid that is slow at its ends.

    .. math:: \beta_t = \frac{\sigma(\delta (2t / T - 1)) - \sigma(-\delta)}
        {\sigma(\delta) - \sigma(-\delta)}, \quad \delta = 4

    Wu et al., 2017, https://arxiv.org/abs/1611.04273.
    """

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    low, high = sigmoid(-SLOWNESS), sigmoid(SLOWNESS)
    inner = [
        (sigmoid(SLOWNESS * (2 * t / steps - 1)) - low) / (high - low) for t in range(1, steps)
    ]
    return [0.0, *inner, 1.0]


class Path:
    """Chains along the schedule, in either direction, with given step sizes.

    Args:
        betas: The inverse temperatures, from 0 to 1.
        step_sizes: The step size at each temperature for each row of a batch, ``(T + 1, B)``.
        leapfrog_steps: Number of leapfrog steps in one transition.
    """

    def __init__(self, betas: Sequence[float], step_sizes: Tensor, *, leapfrog_steps: int) -> None:
        self.betas, self.step_sizes, self.leapfrog_steps = betas, step_sizes, leapfrog_steps

    def forward(self, point: Point, at: At) -> Steps:
        r"""Moves draws from the prior to the posterior, and yields what each temperature adds.

        Yields:
            The increment of :math:`\log w` for each t, and the acceptance probability of the
            proposal after it, both ``(R,)``.
        """
        last = len(self.betas) - 1
        for t in range(1, last + 1):
            increment = (self.betas[t] - self.betas[t - 1]) * point.log_likelihood
            accepted = torch.ones_like(increment)
            if t < last:
                point, accepted = self._move(point, at, t)
            yield increment, accepted

    def backward(self, point: Point, at: At) -> Steps:
        r"""Moves draws from the posterior to the prior, along the same path in reverse.

        The transitions are reversible, so that :math:`E[1 / w] = 1 / p(x)`.

        Yields:
            As for `forward`; the increments are of the same :math:`\log w`.
        """
        for t in range(len(self.betas) - 1, 0, -1):
            increment = (self.betas[t] - self.betas[t - 1]) * point.log_likelihood
            accepted = torch.ones_like(increment)
            if t > 1:
                point, accepted = self._move(point, at, t - 1)
            yield increment, accepted

    def _move(self, point: Point, at: At, t: int) -> tuple[Point, Tensor]:
        chains = len(point.position) // self.step_sizes.shape[1]
        return transition(
            point,
            at,
            beta=self.betas[t],
            step_size=self.step_sizes[t].repeat(chains),
            leapfrog_steps=self.leapfrog_steps,
        )


def tune(
    point: Point, at: At, *, data: int, betas: Sequence[float], leapfrog_steps: int
) -> Tensor:
    """Finds step sizes along a short path, with chains that are then discarded.

    Chains that adapt their step size to their own acceptance do not leave the density invariant,
    so the chains that count use step sizes found by others.

    Args:
        point: Draws from the prior, the chains of all data one after another, ``(C B, D)``.
        at: Evaluates the program at a position.
        data: Number of data B.
        betas: The inverse temperatures of the short path.
        leapfrog_steps: Number of leapfrog steps in one transition.

    Returns:
        The step size of each datum at each temperature, ``(len(betas), B)``.
    """
    chains = len(point.position) // data
    logs = torch.full((data,), math.log(FIRST_STEP)).to(point.log_prior)
    found = []
    for beta in betas:
        point, probability = transition(
            point,
            at,
            beta=beta,
            step_size=logs.exp().repeat(chains),
            leapfrog_steps=leapfrog_steps,
        )
        logs = logs + RATE * (probability.unflatten(0, (chains, data)).mean(0) - ACCEPTED)
        found.append(logs)
    return torch.stack(found).exp()
