"""Looking on while training goes on, and having a say in when it ends."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pyrovae.ranks import alone
from pyrovae.scope import isolated

if TYPE_CHECKING:
    from pyrovae.training.state import TrainingState

__all__ = ["Callback", "Callbacks", "OnEpoch"]

Row = dict[str, Any]


class Callback:
    """What is told of each step and epoch; a subclass writes those methods that it needs.

    Each gets the state of training, whose ``model``, ``history``, ``epoch`` and ``step`` may be
    read and whose ``stop(reason)`` ends training. What a callback draws is its own: training's
    random numbers stay as they were. A weight of an objective or a number of the model's that it
    changes takes hold in the next step, compiled or not.
    """

    def on_step(self, training: "TrainingState", loss: Tensor) -> None:
        """Called after each step.

        Args:
            training: The state after the step.
            loss: The objective's mean over the batch, in nats per datum, a 0-dim tensor where the
                model is. Asking for its value waits for the device.
        """

    def on_epoch(self, training: "TrainingState", row: Row) -> None:
        """Called after each epoch, once its checkpoint is written.

        Args:
            training: The state after the epoch.
            row: The epoch's row of the history.
        """

    def on_end(self, training: "TrainingState") -> None:
        """Called once when training ends, however it ends."""


class OnEpoch(Callback):
    """A function of the epoch's row as a callback.

    Args:
        function: Called with each row of the history.
    """

    def __init__(self, function: Callable[[Row], Any]) -> None:
        self.function = function

    def on_epoch(self, training: "TrainingState", row: Row) -> None:
        """Hands on the row."""
        self.function(row)


class Callbacks:
    """All who look on, each in a scope of its own.

    Args:
        callbacks: The callbacks, in the order in which they are called.
    """

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._all = list(callbacks)
        # Giving random numbers a scope costs some microseconds: only where somebody looks on.
        self._at_steps = [c for c in self._all if type(c).on_step is not Callback.on_step]

    @property
    def at_steps(self) -> bool:
        """Whether anybody is told of each step."""
        return bool(self._at_steps)

    def after_step(self, training: "TrainingState", loss: Tensor, data: int) -> None:
        """Tells of a step, from the sum of its losses and the number of its data."""
        if self._at_steps:
            loss = loss / data
            with isolated(training.device, seed=training.step):
                for callback in self._at_steps:
                    callback.on_step(training, loss)

    def after_epoch(self, training: "TrainingState", row: Row) -> None:
        """Tells of an epoch."""
        with isolated(training.device, seed=row["epoch"]):
            for callback in self._all:
                callback.on_epoch(training, row)

    def end(self, training: "TrainingState") -> None:
        """Tells that training has ended; of several ranks one may have failed, and none waits."""
        with isolated(training.device, seed=0), alone():
            for callback in self._all:
                callback.on_end(training)
