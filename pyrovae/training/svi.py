"""Stochastic variational inference with one compiled step."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

import pyro.infer
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pyrovae.compilation import AutoCompiled
from pyrovae.declared import Declared
from pyrovae.scope import isolated
from pyrovae.training.compiled import CompiledStep
from pyrovae.training.gradients import Gradients, Precision
from pyrovae.training.step import Step

__all__ = ["CompiledSVI"]


class CompiledSVI(Declared):
    """``pyro.infer.SVI`` with a step that is one compiled graph and waits for nothing.

    It is meant for training loops of your own. The graph is traced at the first step, on copies,
    and its loss and updates are compared with those of the eager step. If this fails, the loop
    goes on uncompiled and a warning says why. Numbers in attributes of the module and the
    objective are compared before each step; if one has changed, the step is compiled again.
    Changes of numbers in global variables and closures are not detected. A batch of another shape
    is stepped uncompiled. Gradients are of the objective's sum over the batch, as in
    ``pyro.infer.SVI``. A step changes nothing if its loss is NaN or its gradient is not finite. On
    Linux a process that has compiled keeps up to 256 MiB of freed memory.

    Args:
        model: The model program, a method of an ``nn.Module`` that owns all parameters.
        guide: The guide, a method of the same module.
        optim: Makes a torch optimizer from the parameters, such as
            ``lambda parameters: torch.optim.Adam(parameters, lr=1e-3, fused=True)``.
        loss: An objective of this library or of Pyro.
        precision: "bf16" rounds the factors of matrix products to bfloat16.

    Attributes:
        optim: The torch optimizer; a scheduler may be attached to it.
        loss: The objective. Neither can be replaced by another one: make a new object.

    Raises:
        ValueError: If model and guide are not methods of one module.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        optim: Callable[[Iterable[nn.Parameter]], Optimizer],
        loss: pyro.infer.ELBO,
        *,
        precision: Precision = "float32",
    ) -> None:
        module: Any = getattr(model, "__self__", None)
        if not isinstance(module, nn.Module) or getattr(guide, "__self__", None) is not module:
            raise ValueError(
                "model, guide: expected two methods of the same nn.Module, whose parameters are "
                f"trained, got {model!r} and {guide!r}"
            )
        self.model, self.guide, self._loss = model, guide, loss
        self._module = cast(nn.Module, module)
        parameters = [p for p in self._module.parameters() if p.requires_grad]
        self._optim = optim(parameters)
        gradients = Gradients(model, guide, loss, mean=False, precision=precision)
        self._eager = Step(parameters, gradients, self._optim)
        self._step = AutoCompiled(
            self._eagerly,
            partial(CompiledStep, self._module, self._eager),
            mode=True,
            data=0,
            what="the loop",
        )

    @property
    def optim(self) -> Optimizer:
        """The optimizer, which cannot be replaced."""
        return self._optim

    @property
    def loss(self) -> pyro.infer.ELBO:
        """The objective, which cannot be replaced."""
        return self._loss

    @property
    def compiled(self) -> bool:
        """Whether the last step was compiled."""
        return self._step.compiled

    def step(self, *batch: Tensor) -> Tensor:
        """Takes a gradient step.

        Returns:
            The loss, summed over the batch, as a 0-dim tensor.
        """
        return self._step(batch)

    @torch.no_grad()
    def evaluate_loss(self, *batch: Tensor) -> Tensor:
        """Returns the loss of a batch as a 0-dim tensor, without moving a parameter."""
        with isolated(batch[0].device):
            loss = self.loss.loss(self.model, self.guide, *batch)
        # Wake-sleep returns a pair of losses; the first is the model's.
        return torch.as_tensor(loss[0] if isinstance(loss, tuple) else loss)

    def _eagerly(self, batch: tuple[Tensor, ...]) -> Tensor:
        with isolated(batch[0].device):
            return self._eager(batch)
