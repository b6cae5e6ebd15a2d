"""A step that several ranks take together, all compiled or all eager."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from pyrovae.compilation import AutoCompiled, Batch, Compile, NotCompiled
from pyrovae.ranks import Ranks, aside, step_of

__all__ = ["CommonStep"]


class CommonStep(AutoCompiled[Tensor]):
    """What a rank does in a step, where the others do the same.

    A compiled and an eager step differ in roundings, which would let the ranks' weights drift
    apart. So they compile at the same step, all or none, and take the compiled step only if the
    graph of each is made for its share. Tracing and compiling need nothing of another rank.

    Args:
        ranks: Who takes the steps.
        eager: The eager step.
        make: Compiles it.
        mode: Whether to compile; see `AutoCompiled`.
        data: Number of data of all steps, of all ranks.
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
        """What this rank has to say before a step.

        Returns:
            Whether a number has changed that its graph had kept, and whether the graph is made
            for its share.
        """
        self._change = super()._changed()
        graph = self.graph
        return self._change is not None, graph is None or batch is None or graph.fits(batch)

    def settle(self, sizes: Sequence[int], *, changed: bool, fits: bool) -> None:
        """Takes up what all have said.

        Args:
            sizes: The data of each rank's share.
            changed: Whether a number has changed on one of them.
            fits: Whether each graph is made for its rank's share.
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
            raise NotCompiled("a batch has fewer data than there are ranks")
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
