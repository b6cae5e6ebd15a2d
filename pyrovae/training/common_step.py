"""A step that several ranks take together, all compiled or all eager."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from pyrovae.compilation import AutoCompiled, Batch, Compile, NotCompiled
from pyrovae.ranks import Ranks, aside, step_of

__all__ = ["CommonStep"]


class CommonStep(AutoCompiled[Tensor]):
    """A step of one rank, taken while the other ranks take theirs.

    A compiled and an eager step round differently, which would let the weights of the ranks drift
    apart. So all ranks compile at the same step, or none does, and they take the compiled step
    only if each rank's graph was compiled for the size of its share. Tracing and compiling need no
    communication.

    Args:
        ranks: The processes that take the steps.
        eager: The eager step.
        make: Compiles the step.
        mode: Whether to compile; see `AutoCompiled`.
        data: Number of data in all steps, over all ranks.
    """

    def __init__(
        self,
        ranks: Ranks,
        eager: Callable[[Batch], Tensor],
        make: Callable[[Batch], Any],
        *,
        mode: Compile,
        data: int,
    ) -> None:
        super().__init__(eager, self._make_aside, mode=mode, data=data, what="training")
        self._ranks, self._make_own = ranks, make
        self._sizes: tuple[int, ...] = ()
        self._compiled_for: tuple[int, ...] = ()
        self._change: str | None = None
        self._all_fit = False

    def offer(self, batch: Batch | None) -> tuple[bool, bool]:
        """What this rank tells the others before a step.

        Returns:
            Whether a number that its graph holds as a constant has changed, and whether the graph
            was compiled for the size of its share.
        """
        self._change = super()._changed()
        graph = self.graph
        return self._change is not None, graph is None or batch is None or graph.fits(batch)

    def settle(self, sizes: Sequence[int], *, changed: bool, fits: bool) -> None:
        """Takes over what all ranks have agreed on.

        Args:
            sizes: The number of data in each rank's share.
            changed: Whether a number has changed on any rank.
            fits: Whether every rank's graph was compiled for the size of its share.
        """
        if changed and self._change is None:
            self._change = "a number has changed on another rank"
        self._sizes, self._all_fit = tuple(sizes), fits

    def __call__(self, batch: Batch) -> Tensor:
        """Takes the step with this rank's share; see `Step`."""
        with step_of(self._ranks.rank, self._sizes):
            return super().__call__(batch)

    def _make_aside(self, batch: Batch) -> Any:
        if not all(self._sizes):
            raise NotCompiled("a batch has fewer data than there are processes")
        self._compiled_for, self._all_fit = self._sizes, True
        with aside():
            return self._make_own(batch)

    def _size_of(self, batch: Batch) -> int:
        return sum(self._sizes)

    def _changed(self) -> str | None:
        return self._change

    def _fits(self, graph: Any, batch: Batch) -> bool:
        return self._all_fit and self._sizes == self._compiled_for

    def _agreed(self, yes: bool) -> bool:
        return self._ranks.all(yes)

    def _failure(self, own: str | None) -> str | None:
        reasons = enumerate(self._ranks.gather(own))
        return next((f"rank {rank}: {reason}" for rank, reason in reasons if reason), None)
