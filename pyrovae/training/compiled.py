"""One step of training, compiled."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pyrovae.compilation import (
    ROUNDINGS,
    AutoCompiled,
    CapturedFunction,
    Compile,
    CompiledFunction,
    NotCompiled,
    capture_for,
    half_twice,
)
from pyrovae.ranks import ALONE, Ranks
from pyrovae.schedules import Annealed
from pyrovae.training.annealing import kept
from pyrovae.training.common_step import CommonStep
from pyrovae.training.device_update import DeviceUpdate
from pyrovae.training.gradients import Gradients, Precision
from pyrovae.training.step import Step
from pyrovae.training.update import Update

__all__ = ["CompiledStep", "compiled_if_that_pays"]

COARSE = 5e-2  # roundings of bfloat16, and the most that is let pass


class CompiledStep:
    """A `Step` with batches of one shape as one compiled graph.

    Model, guide, objective, backward pass, clipping and the optimizer together; see
    `CompiledFunction`. An optimizer that `Update` has no rule for steps itself along the
    gradients that the graph gives; on CUDA so does one that counts its steps on the host, being
    neither fused nor capturable. There the graph is captured, and replayed at each step.

    Args:
        model: The module whose programs ``step`` runs.
        step: The eager step.
        batch: A batch of the shape to compile for.
        alone: Whether no other process takes the steps too; with others nothing is captured.

    Attributes:
        function: The compiled function, whose first result is the loss.
        capture: How it is captured, where it is.
        moves_all: Whether the optimizer's update is part of it.

    Raises:
        NotCompiled: If the program cannot be traced or compiled, or gives other numbers than the
            eager step on the second batch, or at another time of its schedule.
    """

    def __init__(
        self, model: nn.Module, step: Step, batch: tuple[Tensor, ...], *, alone: bool = True
    ) -> None:
        self._step = step
        device = batch[0].device
        self.capture = capture_for(device) if alone else None
        self._update: Update | None = None
        named: Any = getattr(model, "named_parameters", list)()
        trained = {name: parameter for name, parameter in named if parameter.requires_grad}
        for name, parameter in trained.items():
            # It may well be the optimizer's step, which is part of the program already.
            if getattr(parameter, "_post_accumulate_grad_hooks", None):
                raise NotCompiled(f"{name} has a hook that is called when its gradient is there")
        kinds: dict[str, type[Update]] = {"cpu": Update, "cuda": DeviceUpdate}
        kind = kinds.get(device.type)
        if kind is not None:
            # Without a rule the optimizer steps itself.
            with suppress(ValueError):
                self._update = kind(step.optimizer, list(trained.values()))
        gradients, player = step.gradients, step.gradients.player
        self._second: Update | None = None
        if player is not None:
            with suppress(ValueError):
                self._second = Update(player.optimizer, player.parameters)
            if device.type != "cpu" or self._update is None or self._second is None:
                raise NotCompiled(
                    "training against an adversary is only compiled on the CPU, with optimizers "
                    "whose update can be compiled"
                )
        updates = [u for u in (self._update, self._second) if u is not None]
        self._updates = updates
        self.moves_all = self._update is not None
        self.function = CompiledFunction(
            model,
            _Traced(gradients, self._update, self._second, trained=len(trained)),
            batch,
            half_twice(batch),
            names=["loss", *(f"gradient of {name}" for name in trained if self._update is None)],
            relative=partial(_relative, gradients.precision, len(batch[0])),
            holders={
                "objective": gradients.objective,
                "beta": gradients.scale,
                "skips": gradients.skips,
                "adversary": None if player is None else player.adversary,
            },
            elsewhere=partial(_elsewhere, gradients, updates),
        )
        self._run: CompiledFunction | CapturedFunction = self.function
        if self.capture is not None:
            self._run = CapturedFunction(self.function, batch, self.capture)

    @property
    def note(self) -> str:
        """What became of capturing it."""
        return self._run.note

    def fits(self, batch: tuple[Tensor, ...]) -> bool:
        """Whether it was compiled for such a batch, and for the module and optimizer as they are.

        To be asked before each step: it takes up the numbers of the optimizer's next one.
        """
        return self._run.fits(batch) and all(update.read() for update in self._updates)

    def changed(self) -> list[str]:
        """Which numbers of module and objective are no more what was compiled."""
        return self._run.changed()

    def __call__(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Takes a step with a batch that fits; see `Step`."""
        loss, *gradients = self._run(batch)
        if self.capture is not None:
            loss = loss.clone()  # the next replay writes to the same place
        if self.moves_all:
            for parameter in self.function.trained:
                parameter.grad = None  # of an eager step
            return loss
        for parameter, gradient in zip(self.function.trained, gradients, strict=True):
            parameter.grad = gradient
        self._step.move(self._step.gradients.taken(loss))
        return loss


def compiled_if_that_pays(
    model: Any, step: Step, *, mode: Compile, data: int, ranks: Ranks = ALONE
) -> AutoCompiled[Tensor]:
    """A step that is compiled where that pays and can be done.

    Args:
        model: The module whose programs the step runs.
        step: The eager step.
        mode: Whether to compile; see `AutoCompiled`.
        data: Number of data that steps are to be taken with.
        ranks: The processes that take each step together.
    """
    make = partial(CompiledStep, model, step, alone=ranks.size == 1)
    if ranks.size > 1:
        return CommonStep(ranks, step, make, mode=mode, data=data)
    return AutoCompiled(step, make, mode=mode, data=data, what="training")


def _relative(precision: Precision, size: int, results: Sequence[Tensor]) -> float:
    """By how much roundings alone may change a step."""
    if precision == "bf16":  # 8 bits in each factor, and kernels differ in what they round
        return COARSE
    # An importance weight is e to a sum over all pixels: the rounding of the sum, which grows with
    # the sum, is the relative error of the weight.
    share = 4 * 2**-24 * results[0].reshape(-1)[0].abs().item() / size
    return min(max(ROUNDINGS, share), COARSE)


class _Traced(nn.Module):
    """What is traced: a loss, and gradients or the updates along them."""

    def __init__(
        self, gradients: Gradients, update: Update | None, second: Update | None, *, trained: int
    ) -> None:
        super().__init__()
        self.gradients = gradients
        self.skips = gradients.skips  # whose buffers move as the model's do
        self.update = update
        self.second = second
        self.trained = trained
        # Its parameters are inputs of the graph, after the model's.
        self.adversary = None if gradients.player is None else gradients.player.adversary

    def forward(self, leaves: Sequence[Tensor], batch: tuple[Tensor, ...]) -> list[Tensor | None]:
        leaves, own = leaves[: self.trained], leaves[self.trained :]
        loss = self.gradients(leaves, batch, own)
        if self.update is None:
            return [loss, *(leaf.grad for leaf in leaves)]
        with torch.no_grad():
            taken = self.gradients.taken(loss)
            self.update(leaves, taken)
            if self.second is not None and self.adversary is not None:
                waiting = ~self.adversary.started
                self.second(own, torch.where(waiting, torch.nan, taken))  # NaN: nothing moves
                self.adversary.steps.add_(~taken.isnan().any())
        return [loss]


@contextmanager
def _elsewhere(gradients: Gradients, updates: Sequence[Update]) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(_another_time(gradients))
        for update in updates:
            stack.enter_context(update.linearized())
        yield


@contextmanager
def _another_time(gradients: Gradients) -> Iterator[None]:
    """Moves the schedules of a step for a block, and then puts them back."""
    scale, objective = gradients.scale, gradients.objective
    with kept(objective, scale):
        if isinstance(objective, Annealed) and 0 < objective.settled < math.inf:
            objective.advance(0.618 * objective.settled)
        if scale is not None and isinstance(scale.factor, Tensor):
            scale.factor.fill_(0.618)
        yield
