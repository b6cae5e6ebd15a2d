"""One step of training, compiled."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyro.infer
import torch
from torch import Tensor, nn

from pyrovae.compiled import CompiledFunction, half_twice
from pyrovae.schedules import Annealed
from pyrovae.training.gradients import Gradients

__all__ = ["CompiledGradients"]


class CompiledGradients:
    """`Gradients` of batches of one shape as one compiled graph.

    Model, guide, objective, backward pass and clipping together; see `CompiledFunction`.

    Args:
        model: The module whose programs ``gradients`` runs.
        gradients: The step.
        batch: A batch of the shape to compile for.

    Raises:
        NotCompiled: If the program cannot be traced or compiled, or gives other numbers than the
            eager step on the second batch, or at another time of its schedule.
    """

    def __init__(
        self,
        model: nn.Module,
        gradients: Gradients,
        batch: tuple[Tensor, ...],
    ) -> None:
        def step(leaves: Sequence[Tensor], batch: tuple[Tensor, ...]) -> list[Tensor | None]:
            loss = gradients(leaves, batch)
            return [loss, *(leaf.grad for leaf in leaves)]

        trained = [
            name for name, p in getattr(model, "named_parameters", list)() if p.requires_grad
        ]
        self._run = CompiledFunction(
            model,
            step,
            batch,
            half_twice(batch),
            names=["loss", *(f"gradient of {name}" for name in trained)],
            # float32 to its rounding, summed in another order; bfloat16 has 8 bits, and what it
            # rounds differs between kernels by as much.
            relative=1e-4 if gradients.precision == "float32" else 5e-2,
            elsewhere=partial(_another_time, gradients),
        )
        self.fits = self._run.fits

    def __call__(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Fills the gradients of the model's parameters; see `Gradients`."""
        if batch[0].device.type == "cuda":
            # A captured graph writes its results to the same place each time, and is replayed
            # only if nobody holds the last ones.
            for parameter in self._run.trained:
                parameter.grad = None
        loss, *gradients = self._run(batch)
        if loss.device.type == "cuda":
            loss = loss.clone()
        for parameter, gradient in zip(self._run.trained, gradients, strict=True):
            parameter.grad = gradient
        return loss


@contextmanager
def _another_time(gradients: Gradients) -> Iterator[None]:
    """Moves the schedules of a step for a block, and then puts them back."""
    scale, objective = gradients.scale, gradients.objective
    kept: list[tuple[Any, dict[str, Any]]] = []
    nested: Any = objective
    while isinstance(nested, pyro.infer.ELBO):
        kept.append((nested, dict(vars(nested))))
        nested = next((v for v in vars(nested).values() if isinstance(v, pyro.infer.ELBO)), None)
    moving = [v for _, values in kept for v in values.values() if isinstance(v, Tensor)]
    if scale is not None and isinstance(scale.factor, Tensor):
        moving.append(scale.factor)
    values = [tensor.clone() for tensor in moving]
    try:
        if isinstance(objective, Annealed) and 0 < objective.settled < math.inf:
            objective.advance(0.618 * objective.settled)
        if scale is not None and isinstance(scale.factor, Tensor):
            scale.factor.fill_(0.618)
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(moving, values, strict=True):
                tensor.copy_(value)
        for holder, attributes in kept:
            vars(holder).clear()
            vars(holder).update(attributes)
