"""The evidence lower bound with a KL term of given size."""

import torch
from torch import Tensor

from pyrovae.objectives.kl_penalty import KLPenaltyObjective
from pyrovae.schedules import Schedule

__all__ = ["CapacityELBO"]


class CapacityELBO(KLPenaltyObjective):
    r"""The evidence lower bound with its KL term held near a capacity.

    .. math:: E_q[\log p(x \mid z)] - \gamma \, \left| KL - C \right|, \qquad
        KL = \frac{1}{B} \sum_{b=1}^{B} KL\left(q(z \mid x_b) \,\Vert\, p(z)\right)

    The mean KL of the batch, all latents together, is drawn to :math:`C` nats from both sides.
    The paper raises :math:`C` slowly from 0, as the schedule ``LinearWarmup(100, end=25)`` does;
    `pyrovae.fit` moves it on, and a loop of one's own calls `advance`.

    Burgess et al., 2018, Understanding disentangling in beta-VAE,
    https://arxiv.org/abs/1804.03599.

    Args:
        capacity: The capacity :math:`C` in nats, at least 0: a number or a schedule over epochs.
        gamma: The weight :math:`\gamma`, at least 0.
        num_particles: Number of draws for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Attributes:
        capacity: The capacity in nats at present: with a schedule a 0-dim tensor that `advance`
            fills, so that a compiled step sees it move.
        settled: The epoch from which it no longer changes.

    Raises:
        ValueError: If ``capacity`` or ``gamma`` is negative; at the first call, if a latent lies
            outside the data's plate. The site is named.
    """

    capacity: float | Tensor

    def __init__(
        self,
        *,
        capacity: float | Schedule = 25.0,
        gamma: float = 30.0,
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        if not isinstance(capacity, Schedule) and not capacity >= 0:
            raise ValueError(f"capacity: expected at least 0, got {capacity}")
        if not gamma >= 0:
            raise ValueError(f"gamma: expected a weight of at least 0, got {gamma}")
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.schedule = capacity if isinstance(capacity, Schedule) else None
        self.settled = self.schedule.settled if self.schedule else 0.0
        self.capacity = (
            torch.tensor(float(capacity(0))) if isinstance(capacity, Schedule) else capacity
        )
        self.gamma = gamma

    def advance(self, epoch: float) -> None:
        """Takes up the capacity after that many epochs."""
        if self.schedule is not None and isinstance(self.capacity, Tensor):
            self.capacity.fill_(self.schedule(epoch))

    def penalty(self, kl: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted distance from the capacity, and its slope."""
        excess = kl - self.capacity
        return self.gamma * excess.abs(), self.gamma * excess.sign()
