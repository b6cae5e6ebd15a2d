"""An objective that anneals the temperature of relaxed latents."""

import pyro.infer
import torch

from pyrovae.handlers import ScaleTemperatures
from pyrovae.objectives.base import Program
from pyrovae.objectives.wrapped import WrappedELBO
from pyrovae.schedules import ExponentialDecay, Schedule

__all__ = ["TemperedELBO"]


class TemperedELBO(WrappedELBO):
    r"""A bound whose relaxed categorical latents are first drawn at a higher temperature.

    The guide draws them at :math:`a \tau`, the posterior's own temperature times a factor. This
    distribution is smoother, and its gradients vary less. The prior keeps its temperature, so this
    is a bound of the same model throughout. Reports use the posterior's own temperature, because
    the factor ends at 1. `pyrovae.fit` advances the factor; your own training loop has to call
    `advance`. The paper's :math:`\tau = \max(0.5, e^{-rt})` corresponds to a posterior temperature
    of 0.5 and ``ExponentialDecay(epochs, start=2)``.

    Jang, Gu and Poole, 2017, Categorical reparameterization with Gumbel-softmax,
    https://arxiv.org/abs/1611.01144.

    Args:
        schedule: The factor :math:`a` over epochs; ``ExponentialDecay(20)`` if None.
        elbo: The estimator; `ELBO` with one particle if None.

    Attributes:
        factor: The current factor, a 0-dim tensor that is changed in place.
        settled: The epoch from which it no longer changes.

    Raises:
        ValueError: If the initial factor is not positive.
    """

    def __init__(
        self, schedule: Schedule | None = None, *, elbo: pyro.infer.ELBO | None = None
    ) -> None:
        super().__init__(elbo)
        self.schedule = schedule if schedule is not None else ExponentialDecay(20)
        if not self.schedule(0) > 0:
            raise ValueError(f"schedule: expected a positive factor, got {self.schedule(0)}")
        self.factor = torch.tensor(float(self.schedule(0)))

    @property
    def settled(self) -> float:
        """The epoch from which neither the factor nor the estimator changes."""
        return max(self.schedule.settled, super().settled)

    def advance(self, epoch: float) -> None:
        """Sets the factor to its value after ``epoch`` epochs."""
        self.factor.fill_(self.schedule(epoch))
        super().advance(epoch)

    def programs(self, model: Program, guide: Program) -> tuple[Program, Program]:
        """Returns the model, and the guide with its relaxed latents at the current temperature."""
        return model, ScaleTemperatures(self.factor)(guide)

    def __repr__(self) -> str:
        return f"TemperedELBO(factor={self.factor.item():.4g}, elbo={self.elbo!r})"
