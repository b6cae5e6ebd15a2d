"""Ending the training of a script when its time is up."""

import math
import os
import signal
import time
from typing import Any

from torch import Tensor

from pyrovae import fit
from pyrovae.training import Callback, History, Interrupted, TrainingState

__all__ = ["Deadline"]


class Deadline(Callback):
    """Ends `fit` when time is up, with a checkpoint from which it can go on.

    Args:
        minutes: How long it may train; None is no limit.

    Attributes:
        ended: Whether training was ended so.
    """

    def __init__(self, minutes: float | None) -> None:
        self._ends = math.inf if minutes is None else time.monotonic() + 60 * minutes
        self._history = History()
        self.ended = False

    def on_step(self, training: TrainingState, loss: Tensor) -> None:
        """Asks for the end, as the system would, when time is up."""
        self._history = training.history
        if not self.ended and time.monotonic() > self._ends:
            self.ended = True
            os.kill(os.getpid(), signal.SIGTERM)

    def fit(self, *arguments: Any, **options: Any) -> History:
        """Trains as `pyrovae.fit` does, and gives the epochs that there was time for."""
        callbacks = [*options.pop("callbacks", ()), self]
        try:
            return fit(*arguments, callbacks=callbacks, **options)
        except Interrupted:
            if not self.ended:
                raise
            return self._history
