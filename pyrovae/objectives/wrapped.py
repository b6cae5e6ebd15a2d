"""The base class of objectives that wrap another one and change the programs."""

from abc import abstractmethod
from typing import Any

import pyro.infer
from torch import Tensor

from pyrovae.declared import Declared
from pyrovae.objectives.base import Program
from pyrovae.objectives.elbo import ELBO
from pyrovae.schedules import Annealed

__all__ = ["WrappedELBO"]


class WrappedELBO(Declared, pyro.infer.ELBO):
    """An estimator, of this library or Pyro, applied to model and guide under effect handlers.

    Subclasses implement `programs`.

    Args:
        elbo: The estimator; `ELBO` with one particle if None.
    """

    def __init__(self, elbo: pyro.infer.ELBO | None = None) -> None:
        self.elbo = elbo if elbo is not None else ELBO()
        super().__init__(
            num_particles=self.elbo.num_particles,
            vectorize_particles=self.elbo.vectorize_particles,
        )
        # The estimator's depth already includes the particles' plate; Pyro would add another.
        self.max_plate_nesting = self.elbo.max_plate_nesting

    @abstractmethod
    def programs(self, model: Program, guide: Program) -> tuple[Program, Program]:
        """Returns the model and the guide that the estimator is to see."""

    @property
    def across_batch(self) -> bool:
        """Whether the wrapped estimator's value depends on the whole batch; see `Objective`."""
        return getattr(self.elbo, "across_batch", False)

    @property
    def across_ranks(self) -> bool:
        """Whether it is computed over the batches of all ranks; see `Objective`."""
        return getattr(self.elbo, "across_ranks", False)

    @property
    def settled(self) -> float:
        """The epoch from which the wrapped estimator no longer changes."""
        return self.elbo.settled if isinstance(self.elbo, Annealed) else 0.0

    def advance(self, epoch: float) -> None:
        """Advances the wrapped estimator's own schedule, if it has one."""
        if isinstance(self.elbo, Annealed):
            self.elbo.advance(epoch)

    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """Returns the estimator's loss, summed over the batch, as a number."""
        return self.elbo.loss(*self.programs(model, guide), *args, **kwargs)

    def differentiable_loss(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Returns the estimator's loss, summed over the batch, with its gradient."""
        return self.elbo.differentiable_loss(*self.programs(model, guide), *args, **kwargs)

    def loss_and_grads(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Any:
        """Returns the estimator's loss; adds to the parameters' gradients."""
        return self.elbo.loss_and_grads(*self.programs(model, guide), *args, **kwargs)

    def _get_trace(self, model: Program, guide: Program, args: Any, kwargs: Any) -> Any:
        return self.elbo._get_trace(*self.programs(model, guide), args, kwargs)
