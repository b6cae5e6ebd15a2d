"""Writing the numbers of training to TensorBoard."""

import os
from typing import Any

from torch import Tensor

from pyrovae.training.callbacks import Callback
from pyrovae.training.state import TrainingState

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes each epoch's row, and the loss of some steps, for TensorBoard.

    Curves of the epochs are named like the columns of the history and are plotted against the
    epoch. The loss of single steps is ``step_loss``, in nats per datum, plotted against the step
    of the run. A run that resumes from a checkpoint continues its curves. Needs
    ``pip install pyrovae[tensorboard]``.

    Args:
        folder: The folder to write to, a separate one for each run.
        steps: Number of steps between two recorded losses; if None, none are recorded. Each
            recorded loss waits for the device.

    Raises:
        ImportError: If tensorboard is not installed.
        ValueError: If ``steps`` is not positive.
    """

    def __init__(self, folder: str | os.PathLike[str], *, steps: int | None = 50) -> None:
        if steps is not None and steps < 1:
            raise ValueError(f"steps: expected at least 1, got {steps}")
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(
                "TensorBoard: expected tensorboard to be installed: "
                "pip install 'pyrovae[tensorboard]'"
            ) from error
        self.folder = folder
        self.steps = steps
        self._make: Any = SummaryWriter
        self._writer: Any = None

    def on_step(self, training: TrainingState, loss: Tensor) -> None:
        """Writes the loss, every ``steps`` steps."""
        due = self.steps is not None and training.step % self.steps == 0
        if due and training.ranks.is_first:
            self._open().add_scalar("step_loss", loss, training.step)

    def on_epoch(self, training: TrainingState, row: dict[str, Any]) -> None:
        """Writes the row."""
        if not training.ranks.is_first:
            return
        for name, value in row.items():
            if name != "epoch":
                self._open().add_scalar(name, value, row["epoch"])
        self._open().flush()

    def on_end(self, training: TrainingState) -> None:
        """Closes the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self) -> Any:
        if self._writer is None:
            self._writer = self._make(os.fspath(self.folder))
        return self._writer
