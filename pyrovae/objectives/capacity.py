"""The evidence lower bound with a KL term of given size."""

from torch import Tensor

from pyrovae.objectives.kl_penalty import KLPenaltyObjective
from pyrovae.objectives.weights import Weight
from pyrovae.schedules import Schedule

__all__ = ["CapacityELBO"]


class CapacityELBO(KLPenaltyObjective):
    r"""The evidence lower bound with its KL term held near a capacity.

    .. math:: E_q[\log p(x \mid z)] - \gamma \, \left| KL - C \right|, \qquad
        KL = \frac{1}{B} \sum_{b=1}^{B} KL\left(q(z \mid x_b) \,\Vert\, p(z)\right)

    The mean KL of the batch, all latents together, is drawn to :math:`C` nats from both sides.
    The paper raises :math:`C` slowly from 0, as the schedule ``LinearWarmup(100, end=25)`` does;
    `pyrovae.fit` moves it on, and a loop of one's own calls `advance`.

    A weight on the KL (`BetaELBO` around it, or ``beta`` of `pyrovae.fit`) stands inside the distance:
    :math:`\gamma \, |\beta \, KL - C|`. Data whose latents are all masked have no part in
    the mean.

    Burgess et al., 2018, Understanding disentangling in beta-VAE,
    https://arxiv.org/abs/1804.03599.

    Args:
        capacity: The capacity :math:`C` in nats, at least 0: a number or a schedule over epochs.
        gamma: The weight :math:`\gamma`, at least 0.
        num_particles: Number of draws for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Attributes:
        capacity: The capacity in nats at present, a 0-dim tensor that `advance` fills; without a
            schedule it may be set to a number.
        gamma: The weight, likewise.
        settled: The epoch from which it no longer changes.

    Raises:
        ValueError: If ``capacity`` or ``gamma`` is negative; at the first call, if a latent lies
            outside the data's plate. The site is named.
    """

    capacity = Weight()
    gamma = Weight()

    def __init__(
        self,
        *,
        capacity: float | Schedule = 25.0,
        gamma: float = 30.0,
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.schedule = capacity if isinstance(capacity, Schedule) else None
        self.settled = self.schedule.settled if self.schedule else 0.0
        self.capacity = capacity(0) if isinstance(capacity, Schedule) else capacity
        self.gamma = gamma

    def advance(self, epoch: float) -> None:
        """Takes up the capacity after that many epochs."""
        if self.schedule is not None:
            self.capacity = self.schedule(epoch)

    def penalty(self, kl: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted distance from the capacity, and its slope."""
        excess, gamma = kl - self.capacity.to(kl.dtype), self.gamma.to(kl.dtype)
        return gamma * excess.abs(), gamma * excess.sign()
