"""The evidence lower bound with a target for its KL term."""

from torch import Tensor

from pyrovae.objectives.kl_penalty import KLPenaltyObjective
from pyrovae.objectives.weights import Weight
from pyrovae.schedules import Schedule

__all__ = ["CapacityELBO"]


class CapacityELBO(KLPenaltyObjective):
    r"""The evidence lower bound with its KL term held near a capacity.

    .. math:: E_q[\log p(x \mid z)] - \gamma \, \left| KL - C \right|, \qquad
        KL = \frac{1}{B} \sum_{b=1}^{B} KL\left(q(z \mid x_b) \,\Vert\, p(z)\right)

    The mean KL of the batch, over all latents together, is pulled towards :math:`C` nats from both
    sides. The paper raises :math:`C` slowly from 0, as the schedule ``LinearWarmup(100, end=25)``
    does. `pyrovae.fit` advances the schedule; your own training loop has to call `advance`.

    A weight on the KL (`BetaELBO` around it, or ``beta`` of `pyrovae.fit`) applies inside the
    distance: :math:`\gamma \, |\beta \, KL - C|`. Data whose latents are all masked do not count
    in the mean.

    Burgess et al., 2018, Understanding disentangling in beta-VAE,
    https://arxiv.org/abs/1804.03599.

    Args:
        capacity: The capacity :math:`C` in nats, at least 0: a number or a schedule over epochs.
        gamma: The weight :math:`\gamma`, at least 0.
        num_particles: Number of draws for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Attributes:
        capacity: The current capacity in nats, a 0-dim tensor that `advance` updates; without a
            schedule, it can be set to a number.
        gamma: The weight, a 0-dim tensor that can be set to a number.
        settled: The epoch from which it no longer changes.

    Raises:
        ValueError: If ``capacity`` or ``gamma`` is negative; at the first call, if a latent is
            outside the data's plate. The message names the site.
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
        """Sets the capacity to its value after ``epoch`` epochs."""
        if self.schedule is not None:
            self.capacity = self.schedule(epoch)

    def penalty(self, kl: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the weighted distance from the capacity, and its derivative."""
        excess, gamma = kl - self.capacity.to(kl.dtype), self.gamma.to(kl.dtype)
        return gamma * excess.abs(), gamma * excess.sign()
