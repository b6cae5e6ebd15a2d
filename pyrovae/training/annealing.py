"""What changes during training: the weight on the KL term and an objective's own schedule."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyro.infer
import torch
from torch import Tensor

from pyrovae.handlers import ScaleLatents
from pyrovae.objectives import BetaELBO
from pyrovae.schedules import Annealed, Schedule

__all__ = ["Annealing", "kept", "own_weight"]


class Annealing:
    """The weight on the latent sites and the objective at a given time, measured in epochs.

    Args:
        beta: The weight on the KL term, a number or a schedule.
        objective: The objective, which may have a schedule of its own.
        device: Where the programs run.

    Attributes:
        scale: The handler that weights the latent sites. With a schedule, its factor is a 0-dim
            tensor, so that a compiled step sees it change.
        settled: The epoch from which on nothing changes any more.
    """

    def __init__(
        self, beta: float | Schedule, objective: pyro.infer.ELBO, device: torch.device
    ) -> None:
        self.schedule = beta if isinstance(beta, Schedule) else None
        self.objective = objective
        self.scale = ScaleLatents(
            torch.ones((), device=device) if isinstance(beta, Schedule) else float(beta)
        )
        # Once, since it looks for all that such an objective has.
        self._annealed = objective if isinstance(objective, Annealed) else None
        own = 0.0 if self._annealed is None else self._annealed.settled
        self.settled = max(own, self.schedule.settled if self.schedule else 0.0)

    @property
    def beta(self) -> float:
        """The current weight on the KL term, that of the objective included."""
        return float(self.scale.factor) * own_weight(self.objective)

    def advance(self, time: float) -> None:
        """Moves to a time in epochs, which may be fractional."""
        if self.schedule is not None and isinstance(self.scale.factor, Tensor):
            self.scale.factor.fill_(self.schedule(time))
        if self._annealed is not None:
            self._annealed.advance(time)


def own_weight(objective: pyro.infer.ELBO) -> float:
    """The weight on the KL term that an objective has by itself: that of each `BetaELBO` in it."""
    return math.prod(float(o.beta) for o in _nested(objective) if isinstance(o, BetaELBO))


def _nested(objective: pyro.infer.ELBO) -> Iterator[pyro.infer.ELBO]:
    """Yields an objective and those within it."""
    nested: Any = objective
    while isinstance(nested, pyro.infer.ELBO):
        yield nested
        nested = next((v for v in vars(nested).values() if isinstance(v, pyro.infer.ELBO)), None)


@contextmanager
def kept(objective: pyro.infer.ELBO, scale: ScaleLatents | None) -> Iterator[None]:
    """Restores an objective, the objectives within it and a weight when the block ends."""
    holders = [(nested, dict(vars(nested))) for nested in _nested(objective)]
    moving = [v for _, values in holders for v in values.values() if isinstance(v, Tensor)]
    if scale is not None and isinstance(scale.factor, Tensor):
        moving.append(scale.factor)
    values = [tensor.clone() for tensor in moving]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(moving, values, strict=True):
                tensor.copy_(value)
        for holder, attributes in holders:
            vars(holder).clear()
            vars(holder).update(attributes)
