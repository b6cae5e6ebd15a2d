"""Several steps of training as one captured graph."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pyrovae.compilation import AutoCompiled, Capture, Captured, capture_for
from pyrovae.datasets import Split, TensorSplit
from pyrovae.datasets.values import to_dtype
from pyrovae.programs import dtype_of
from pyrovae.training.annealing import Annealing
from pyrovae.training.callbacks import Callbacks
from pyrovae.training.compiled import CompiledStep
from pyrovae.training.state import TrainingState

__all__ = ["SeveralSteps", "Turn", "several_steps"]

Batch = tuple[Tensor, ...]
STEPS = 10  # launching a graph, and the Python around it, takes as long as one small step


class Turn(NamedTuple):
    """The data of one step, or of several.

    Attributes:
        batch: The batch; with several ranks, this rank's share, which may have no data. For
            several steps, the indices of the data in each, ``(steps, batch_size)``.
        data: The number of data over all ranks and steps.
        steps: The number of steps.
    """

    batch: Batch
    data: int
    steps: int = 1


class SeveralSteps:
    """Steps that need nothing from the host in between, captured and replayed `STEPS` at a time.

    The graph starts from the indices of the data: it gathers the rows and draws their bits itself.
    Steps are taken one by one until the step is compiled, while a schedule changes, and for
    smaller batches, such as an epoch's last. The random numbers are those of single steps.

    Args:
        step: Takes single steps.
        split: The training data.
        annealing: The weight and schedules, which change with time.
        dtype: The dtype of the model's parameters, if there is one.
    """

    def __init__(
        self,
        step: AutoCompiled[Tensor],
        split: TensorSplit,
        annealing: Annealing,
        *,
        dtype: torch.dtype | None,
    ) -> None:
        self._step, self._split, self._annealing = step, split, annealing
        self._dtype = dtype
        self._batch: Batch | None = None  # the batch of the last single step
        self._block: _Block | None = None

    @property
    def note(self) -> str:
        """What was done, in a few words."""
        if self._block is None:
            return ""
        refused = self._block.captured.refused
        return f"{STEPS} steps at a time" if refused is None else f"one step at a time: {refused}"

    def turns(self, chunks: Iterable[Tensor], *, epoch: int) -> Iterator[Turn]:
        """Yields the remaining turns of an epoch.

        Args:
            chunks: The indices of the data in each step.
            epoch: The epoch.
        """
        left, at = list(chunks), 0
        while at < len(left):
            together = left[at : at + STEPS]
            if self._may_take(together, epoch):
                rows = torch.stack(together)
                yield Turn((rows,), rows.numel(), STEPS)
                at += STEPS
            else:
                self._batch = self._read(left[at])
                yield Turn(self._batch, len(left[at]))
                at += 1

    def __call__(self, rows: Tensor) -> tuple[Tensor, Batch]:
        """Takes the steps of a turn with several steps.

        Returns:
            The sum of their losses, 0-dim, and the last batch.
        """
        assert self._block is not None
        return self._block(rows)

    def _may_take(self, chunks: Sequence[Tensor], epoch: int) -> bool:
        """Whether the next steps can be taken together."""
        compiled, batch = self._step.graph, self._batch
        if not isinstance(compiled, CompiledStep) or batch is None or len(chunks) < STEPS:
            return False
        if compiled.capture is None or not compiled.moves_all:
            return False
        if self._annealing.settled > epoch - 1 or any(len(c) != len(batch[0]) for c in chunks):
            return False
        if self._block is None or self._block.compiled is not compiled:
            self._block = _Block(compiled, compiled.capture, torch.stack([*chunks]), self._read)
        refused = self._block.captured.refused is not None
        return not refused and not compiled.changed() and compiled.fits(batch)

    def _read(self, row: Tensor) -> Batch:
        return to_dtype(self._split.gather(row), self._dtype)


class _Block:
    """Several steps with one compiled graph, on data whose indices are at a fixed address."""

    def __init__(
        self,
        compiled: CompiledStep,
        capture: Capture,
        rows: Tensor,
        read: Callable[[Tensor], Batch],
    ) -> None:
        self.compiled = compiled
        self.captured = Captured(compiled.function, self._take, capture)
        self._rows, self._read = rows, read

    def __call__(self, rows: Tensor) -> tuple[Tensor, Batch]:
        self._rows.copy_(rows)
        loss, *batch = self.captured()
        return loss.clone(), tuple(batch)

    def _take(self) -> list[Tensor]:
        batches = (self._read(row) for row in self._rows.unbind())
        losses = [self.compiled.function.run(last := batch)[0] for batch in batches]
        return [torch.stack(losses).sum(0), *last]


def several_steps(
    training: TrainingState,
    split: Split,
    annealing: Annealing,
    callbacks: Callbacks,
    checkpoint_steps: int | None,
) -> SeveralSteps | None:
    """Returns what takes several steps at a time, if the host has nothing to do between them.

    Args:
        training: The state.
        split: The training data.
        annealing: The weight and schedules, which change with time.
        callbacks: The callbacks, which are called after steps and epochs.
        checkpoint_steps: Number of steps after which a checkpoint is written, if any.
    """
    busy = callbacks.at_steps or checkpoint_steps is not None or training.average is not None
    busy = busy or (training.scheduler is not None and training.scheduler_moves == "step")
    together = training.ranks.size > 1 or training.player is not None
    if busy or together or capture_for(training.device) is None:
        return None
    # Only rows of tensors, read in a plain order.
    if not isinstance(split, TensorSplit) or type(split).batches is not TensorSplit.batches:
        return None
    # A captured graph knows the data by their address, which they are to keep.
    held, dtype = split.on(training.device), dtype_of(training.model)
    return SeveralSteps(training.take_step, held, annealing, dtype=dtype)
