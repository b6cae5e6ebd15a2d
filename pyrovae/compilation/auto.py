"""Whether to compile: where it pays, and where it can be done."""

import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, Protocol, TypeVar

import torch

from pyrovae.compilation.comparison import Batch
from pyrovae.compilation.not_compiled import NotCompiled

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

    def changed(self) -> list[str]: ...

    @property
    def note(self) -> str: ...


class AutoCompiled(Generic[R]):
    """A function of batches that is compiled if that pays, and is eager where it cannot be.

    Compiled and eager function draw the same random numbers, so that a run may change between
    them. Where a number has changed that the graph had kept, the function is compiled anew, and
    if it changes again it is eager from there on; a warning says so each time.

    Args:
        eager: The function.
        make: Compiles it for batches of the first one's size; may raise `NotCompiled`.
        mode: Whether to compile. "auto" does so after a few calls, if at their pace the rest
            would take more than a minute.
        data: Number of data that it is to be called for, all calls together.
        what: What goes on uncompiled, for the warning.

    Attributes:
        graph: The compiled function, where there is one.
        compiled: Whether the last call was of the compiled function.
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
        self._outcome = "not compiled"
        self.compiled = False
        self._eager, self._make = eager, make
        self._mode = mode
        self._data, self._done = data, 0
        self._what = what
        self._size: int | None = None  # of the first batch; an epoch's last may be smaller
        self._seconds: list[float] = []
        self.graph: _Compiled[R] | None = None
        self._tried = self._renewed = self._left = False

    @property
    def outcome(self) -> str:
        """What was done and why, in a few words."""
        note = "" if self.graph is None else self.graph.note
        if self._left:
            note = "then uncompiled: modes, hooks or the optimizer are not those it was made for"
        return f"{self._outcome}, {note}" if note else self._outcome

    def __call__(self, batch: Batch) -> R:
        """The function's result for a batch."""
        size = self._size_of(batch)
        self._done += size
        if self._size is None:
            self._size = size
        changed = self._changed()
        if changed is not None:
            self._renew(changed)
        if self._mode is True and not self._tried and size == self._size:
            self._compile(batch)
        self.compiled = self.graph is not None and self._fits(self.graph, batch)
        self._left = self.graph is not None and not self.compiled and size == self._size
        if self.graph is not None and self.compiled:
            return self.graph(batch)
        if self._mode != "auto" or size != self._size:
            return self._eager(batch)
        began = time.perf_counter()
        result = self._eager(batch)
        if batch[0].device.type == "cuda":
            torch.cuda.synchronize(batch[0].device)
        self._seconds.append(time.perf_counter() - began)
        if len(self._seconds) == TIMED_CALLS.stop:
            self._decide(batch)
        return result

    def state_dict(self) -> dict[str, Any]:
        """What was decided, for batches of which size, and how many data there were so far."""
        return {"mode": self._mode, "size": self._size, "done": self._done}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on as was decided, where this one is to decide by itself.

        Raises:
            ValueError: If the state is none.
        """
        mode, size, done = state["mode"], state["size"], state["done"]
        if mode != "auto" and not isinstance(mode, bool):
            raise ValueError(f"mode: expected 'auto', True or False, got {mode!r}")
        if type(done) is not int or not (size is None or (type(size) is int and size > 0)):
            raise ValueError(f"size, done: expected numbers of data, got {size!r}, {done!r}")
        if self._mode == "auto":
            self._mode = mode
        # Not that of the batch that is met first: an epoch's last may be smaller.
        self._size, self._done = size, done

    def _size_of(self, batch: Batch) -> int:
        """The number of data that a call is for."""
        return len(batch[0])

    def _changed(self) -> str | None:
        """Which number that the graph had kept has changed, if one has."""
        changed = [] if self.graph is None else self.graph.changed()
        return changed[0] if changed else None

    def _fits(self, graph: _Compiled[R], batch: Batch) -> bool:
        """Whether the graph is made for a batch."""
        return graph.fits(batch)

    def _agreed(self, yes: bool) -> bool:
        """Whether whoever else makes the same call says so, too."""
        return yes

    def _failure(self, own: str | None) -> str | None:
        """Why the function is not compiled, here or wherever else the same call is made."""
        return own

    def _decide(self, batch: Batch) -> None:
        timed = self._seconds[TIMED_CALLS]
        left = (self._data - self._done) / self._size_of(batch) * sum(timed) / len(timed)
        self._mode = self._agreed(left >= WORTH_COMPILING)
        if self._mode:
            self._compile(batch)
        else:
            self._outcome = f"not compiled: some {left:.0f} s are left, too short to earn it"

    def _renew(self, change: str) -> None:
        """Gives the graph up, for another one or, where numbers go on changing, for none."""
        self.graph = None
        if self._renewed:
            self._outcome = f"not compiled: a number went on changing: {change}"
            warnings.warn(
                f"{self._what} continues uncompiled: {change}, and numbers have changed before; "
                "keep numbers that change in a 0-dim tensor (a buffer), which a compiled program "
                "follows",
                stacklevel=4,
            )
            return
        self._renewed, self._tried = True, False
        warnings.warn(
            f"{self._what} is compiled again: {change}; keep numbers that change in a 0-dim "
            "tensor (a buffer), which a compiled program follows",
            stacklevel=4,
        )

    def _compile(self, batch: Batch) -> None:
        began = time.perf_counter()
        self._tried = True
        graph, reason = None, None
        try:
            graph = self._make(batch)
        except NotCompiled as error:
            reason = str(error)
        reason = self._failure(reason)
        if reason is None:
            self.graph = graph
            self._outcome = f"compiled in {time.perf_counter() - began:.1f} s"
        else:
            self._outcome = f"not compiled: {reason}"
            warnings.warn(f"{self._what} continues uncompiled: {reason}", stacklevel=5)
