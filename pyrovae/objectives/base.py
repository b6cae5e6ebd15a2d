"""The base class of objectives: from the traces of model and guide to a loss."""

from abc import abstractmethod
from collections.abc import Callable
from inspect import signature
from typing import Any

import pyro.infer
import torch
from pyro.infer.enum import get_importance_trace
from pyro.infer.util import is_validation_enabled
from pyro.poutine import Trace
from pyro.util import check_if_enumerated
from torch import Tensor

from pyrovae.checks import check_count
from pyrovae.declared import Declared
from pyrovae.handlers import plain_errors
from pyrovae.objectives.weights import shown

__all__ = ["Objective"]

Program = Callable[..., Any]


class Objective(Declared, pyro.infer.ELBO):
    """A lower bound to maximise, from one run of the guide and one of the model.

    It is a ``pyro.infer.ELBO``, so ``SVI(model, guide, optim, loss=objective)`` accepts it like
    Pyro's own estimators. Subclasses implement `bound_and_surrogate`. Nothing here waits for the
    device: the loss stays a tensor until its value is asked for.

    Args:
        num_particles: Number of draws from the guide for each datum, in one vectorised run.
        max_plate_nesting: Depth of nested plates in model and guide. Without it, Pyro would run
            both once more to find out, which draws random numbers.

    Attributes:
        across_batch: Whether the value is not just a sum over the data of a batch, such as a
            function of a mean over the batch. Validation then uses batches as large as those in
            training.
        across_ranks: Whether such a value is computed over the batches of all ranks, from sums
            over them (`pyrovae.ranks.total`). If not, training on several ranks refuses it.

    Raises:
        ValueError: If ``num_particles`` is not positive or ``max_plate_nesting`` is negative.
    """

    across_batch: bool = False
    across_ranks: bool = False

    def __init__(self, *, num_particles: int = 1, max_plate_nesting: int = 1) -> None:
        check_count("num_particles", num_particles)
        check_count("max_plate_nesting", max_plate_nesting, least=0)
        super().__init__(
            num_particles=num_particles,
            max_plate_nesting=max_plate_nesting,
            vectorize_particles=True,
        )

    @property
    def plate_nesting(self) -> int:
        """Depth of nested plates in model and guide, without the plate of the particles."""
        return self.max_plate_nesting - (self.num_particles > 1)

    @abstractmethod
    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """Returns the bound, and a surrogate to differentiate in its place.

        Args:
            model_trace: Trace of the model, replayed on the guide's draws. Each sample site has
                its ``"log_prob"``, with a first dimension for the particles if there are several.
            guide_trace: Trace of the guide, with ``"log_prob"`` and ``"score_parts"``.

        Returns:
            Two 0-dim tensors, summed over the batch: the value to report, and the surrogate
            whose gradient estimates that of the bound.
        """

    def differentiable_loss(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Returns minus the bound, summed over the batch, with the surrogate's gradient."""
        bound, surrogate = self.bound_and_surrogate(*self.traces(model, guide, args, kwargs))
        return -(surrogate + (bound - surrogate).detach())

    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """Returns minus the bound, summed over the batch, as a number."""
        with torch.no_grad():
            bound, _ = self.bound_and_surrogate(*self.traces(model, guide, args, kwargs))
        return -bound.item()

    def loss_and_grads(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:
        """Returns minus the bound, summed over the batch; adds to the parameters' gradients."""
        loss = self.differentiable_loss(model, guide, *args, **kwargs)
        if loss.requires_grad:
            loss.backward()
        return loss.detach()

    def traces(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Trace, Trace]:
        """Runs the guide once, then the model on its draws, with all particles in one run."""
        return self._get_vectorized_trace(model, guide, args, kwargs)

    def _get_trace(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Trace, Trace]:
        with plain_errors():
            model_trace, guide_trace = get_importance_trace(
                "flat", self.max_plate_nesting, model, guide, args, kwargs, detach=False
            )
        if is_validation_enabled():
            check_if_enumerated(guide_trace)
        return model_trace, guide_trace

    def __repr__(self) -> str:
        names = [n for n in signature(type(self)).parameters if n != "max_plate_nesting"]
        arguments = ", ".join(f"{name}={shown(getattr(self, name))!r}" for name in names)
        return f"{type(self).__name__}({arguments})"
