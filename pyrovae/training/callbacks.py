"""Callbacks that observe training and can end it."""

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
    """Is called after each step and epoch; a subclass overrides the methods that it needs.

    Each method gets the state of training. Its ``model``, ``history``, ``epoch`` and ``step`` may
    be read, and its ``stop(reason)`` ends training. Random numbers drawn in a callback do not
    change those of training. If a callback changes a weight of the objective or a number held by
    the model, the change takes effect in the next step, compiled or not.
    """

    def on_step(self, training: "TrainingState", loss: Tensor) -> None:
        """Called after each step.

        Args:
            training: The state after the step.
            loss: The mean of the objective over the batch, in nats per datum, a 0-dim tensor on
                the device of the model. Reading its value waits for the device.
        """

    def on_epoch(self, training: "TrainingState", row: Row) -> None:
        """Called after each epoch, once its checkpoint has been written.

        Args:
            training: The state after the epoch.
            row: The epoch's row of the history.
        """

    def on_end(self, training: "TrainingState") -> None:
        """Called once when training ends, however it ends."""


class OnEpoch(Callback):
    """Turns a function of the epoch's row into a callback.

    Args:
        function: Called with each row of the history.
    """

    def __init__(self, function: Callable[[Row], Any]) -> None:
        self.function = function

    def on_epoch(self, training: "TrainingState", row: Row) -> None:
        """Passes the row to the function."""
        self.function(row)


class Callbacks:
    """All callbacks, called with random numbers of their own.

    Args:
        callbacks: The callbacks, in the order in which they are called.
    """

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._all = list(callbacks)
        # Isolating random numbers costs some microseconds: done only if a callback needs it.
        self._at_steps = [c for c in self._all if type(c).on_step is not Callback.on_step]

    @property
    def at_steps(self) -> bool:
        """Whether any callback is called after each step."""
        return bool(self._at_steps)

    def after_step(self, training: "TrainingState", loss: Tensor, data: int) -> None:
        """Reports a step, given the sum of its losses and the number of its data."""
        if self._at_steps:
            loss = loss / data
            with isolated(training.device, seed=training.step):
                for callback in self._at_steps:
                    callback.on_step(training, loss)

    def after_epoch(self, training: "TrainingState", row: Row) -> None:
        """Reports an epoch."""
        with isolated(training.device, seed=row["epoch"]):
            for callback in self._all:
                callback.on_epoch(training, row)

    def end(self, training: "TrainingState") -> None:
        """Reports the end of training. No rank waits for the others: one may have failed."""
        with isolated(training.device, seed=0), alone():
            for callback in self._all:
                callback.on_end(training)
