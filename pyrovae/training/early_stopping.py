"""Early stopping: the best validation value so far, and how long ago it was reached."""

import math
from collections.abc import Mapping
from typing import Any

from pyrovae.datasets import Data

__all__ = ["EarlyStopping", "early_stopping"]


class EarlyStopping:
    """Counts the epochs since a validation value (higher is better) last improved on the best.

    Args:
        patience: Number of epochs without improvement after which to stop.
        first_epoch: Earlier epochs are not counted, so that a warm-up can end first.

    Raises:
        ValueError: If the patience is not positive.
    """

    def __init__(self, patience: int, *, first_epoch: float = 0) -> None:
        if patience < 1:
            raise ValueError(f"patience: expected at least 1 epoch, got {patience}")
        self.patience = patience
        self.first_epoch = first_epoch
        self.best = float("-inf")
        self.best_epoch = 0
        self.waited = 0

    def update(self, epoch: int, value: float) -> bool:
        """Takes an epoch's value and returns whether it is the best since the warm-up."""
        if epoch < self.first_epoch:
            return False
        if value > self.best:
            self.best, self.best_epoch, self.waited = value, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def done(self) -> bool:
        """Whether to stop."""
        return self.waited >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """Returns the counters, as plain values."""
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the counters.

        Raises:
            ValueError: If they are not valid.
        """
        for name, kind in (("best", float), ("best_epoch", int), ("waited", int)):
            if type(state[name]) is not kind or math.isnan(state[name]):
                raise ValueError(f"{name}: expected a number, got {state[name]!r}")
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.waited = state["waited"]


def early_stopping(
    patience: int | None, data: Data, *, first_epoch: float
) -> EarlyStopping | None:
    """Returns the counter of epochs, or None without a patience.

    Raises:
        ValueError: If there are no validation data.
    """
    if patience is None:
        return None
    if data.validation is None:
        raise ValueError("patience: early stopping needs validation data, but there are none")
    return EarlyStopping(patience, first_epoch=first_epoch)
