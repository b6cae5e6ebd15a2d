"""Which steps are compiled, and what is said of it."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pyrovae.compiled import Compile, NotCompiled, worth_compiling
from pyrovae.training.compiled import CompiledGradients
from pyrovae.training.gradients import Gradients

__all__ = ["Stepper"]

TIMED_STEPS = slice(3, 10)  # the first ones warm up


class Stepper:
    """Fills the gradients of batches, by a compiled step where there is one.

    Compiled and eager step draw the same random numbers, so that a run may change between them.

    Args:
        model: The model.
        gradients: Its step.
        mode: Whether to compile; "auto" does so if the rest of the run, at the pace of its first
            steps, would take more than a minute.
        batches: Gives two batches of that many data, to trace one and compare on the other.
        data: Number of data that are still to be gone through, over all epochs.

    Attributes:
        compiled: What was done and why, in a sentence.
    """

    def __init__(
        self,
        model: Any,
        gradients: Gradients,
        *,
        mode: Compile,
        batches: Callable[[int], tuple[tuple[Tensor, ...], tuple[Tensor, ...]]],
        data: int,
    ) -> None:
        self.model = model
        self.gradients = gradients
        self.compiled = "not compiled"
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._batches = batches
        self._left = data
        self._size: int | None = None  # of the first batch; an epoch's last may be smaller
        self._seconds: list[float] = []
        self._graph: CompiledGradients | None = None
        self._mode = mode

    def __call__(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Fills the gradients; see `Gradients`."""
        self._left -= len(batch[0])
        if self._size is None:
            self._size = len(batch[0])
            if self._mode is True:
                self._compile()
        if self._graph is not None and self._graph.fits(batch):
            return self._graph(batch)
        if self._mode != "auto" or len(batch[0]) != self._size:
            return self.gradients(self._parameters, batch)
        began = time.perf_counter()
        loss = self.gradients(self._parameters, batch)
        if loss.device.type == "cuda":
            torch.cuda.synchronize(loss.device)
        self._seconds.append(time.perf_counter() - began)
        if len(self._seconds) == TIMED_STEPS.stop:
            self._decide(self._size)
        return loss

    def _decide(self, size: int) -> None:
        timed = self._seconds[TIMED_STEPS]
        left = self._left / size * sum(timed) / len(timed)
        self._mode = worth_compiling(left)
        if self._mode:
            self._compile()
        else:
            self.compiled = f"not compiled: some {left:.0f} s of steps left, too short to earn it"

    def _compile(self) -> None:
        began = time.perf_counter()
        try:
            batches = self._batches(self._size or 1)
            self._graph = CompiledGradients(self.model, self.gradients, *batches)
        except NotCompiled as error:
            self.compiled = f"not compiled: {error}"
            warnings.warn(f"training goes on uncompiled: {error}", stacklevel=4)
        else:
            self.compiled = f"compiled in {time.perf_counter() - began:.1f} s"
