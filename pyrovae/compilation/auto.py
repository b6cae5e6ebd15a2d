"""Whether to compile: where it pays, and where it can be done."""

import time
import warnings
from collections.abc import Callable
from typing import Generic, Literal, Protocol, TypeVar

import torch

from pyrovae.compilation.function import Batch, NotCompiled

__all__ = ["AutoCompiled", "Compile"]

Compile = Literal["auto"] | bool
# Tracing and compiling a small network take 5 to 30 s, and a compiled step saves from a fifth of
# an eager one (convolutions) to two thirds (small dense networks).
WORTH_COMPILING = 60.0
TIMED_CALLS = slice(3, 10)  # the first ones warm up
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class _Compiled(Protocol[R_co]):
    def __call__(self, batch: Batch) -> R_co: ...

    def fits(self, batch: Batch) -> bool: ...


class AutoCompiled(Generic[R]):
    """A function of batches that is compiled if that pays, and is eager where it cannot be.

    Compiled and eager function draw the same random numbers, so that a run may change between
    them.

    Args:
        eager: The function.
        make: Compiles it for batches of the first one's size; may raise `NotCompiled`.
        mode: Whether to compile. "auto" does so after a few calls, if at their pace the rest
            would take more than a minute.
        data: Number of data that it is to be called for, all calls together.
        what: What goes on uncompiled, for the warning.

    Attributes:
        outcome: What was done and why, in a few words.
    """

    def __init__(
        self,
        eager: Callable[[Batch], R],
        make: Callable[[Batch], _Compiled[R]],
        *,
        mode: Compile,
        data: int,
        what: str,
    ) -> None:
        if mode != "auto" and not isinstance(mode, bool):
            raise ValueError(f"compile: expected 'auto', True or False, got {mode!r}")
        self.outcome = "not compiled"
        self._eager, self._make = eager, make
        self._mode = mode
        self._left = data
        self._what = what
        self._size: int | None = None  # of the first batch; an epoch's last may be smaller
        self._seconds: list[float] = []
        self._compiled: _Compiled[R] | None = None

    def __call__(self, batch: Batch) -> R:
        """The function's result for a batch."""
        self._left -= len(batch[0])
        if self._size is None:
            self._size = len(batch[0])
            if self._mode is True:
                self._compile(batch)
        if self._compiled is not None and self._compiled.fits(batch):
            return self._compiled(batch)
        if self._mode != "auto" or len(batch[0]) != self._size:
            return self._eager(batch)
        began = time.perf_counter()
        result = self._eager(batch)
        if batch[0].device.type == "cuda":
            torch.cuda.synchronize(batch[0].device)
        self._seconds.append(time.perf_counter() - began)
        if len(self._seconds) == TIMED_CALLS.stop:
            self._decide(batch)
        return result

    def _decide(self, batch: Batch) -> None:
        timed = self._seconds[TIMED_CALLS]
        left = self._left / len(batch[0]) * sum(timed) / len(timed)
        self._mode = left >= WORTH_COMPILING
        if self._mode:
            self._compile(batch)
        else:
            self.outcome = f"not compiled: some {left:.0f} s are left, too short to earn it"

    def _compile(self, batch: Batch) -> None:
        began = time.perf_counter()
        try:
            self._compiled = self._make(batch)
        except NotCompiled as error:
            self.outcome = f"not compiled: {error}"
            warnings.warn(f"{self._what} goes on uncompiled: {error}", stacklevel=5)
        else:
            self.outcome = f"compiled in {time.perf_counter() - began:.1f} s"
