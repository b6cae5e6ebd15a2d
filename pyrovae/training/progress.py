"""A progress bar, on standard error."""

from typing import Any

from tqdm.auto import tqdm

from pyrovae.training.state import TrainingState

__all__ = ["Progress"]


class Progress:
    """Shows how many data training has seen, in which epoch, and the last epoch's losses.

    Args:
        training: Where training begins or goes on.
        epochs: Number of epochs.
        size: Data in an epoch.
        show: Whether to show anything.
    """

    def __init__(self, training: TrainingState, epochs: int, size: int, *, show: bool) -> None:
        self._epochs, self._size = epochs, size
        position = training.position
        self._seen = (position.epoch - 1) * size + position.seen
        self._bar = tqdm(
            total=epochs * size,
            initial=self._seen,
            disable=not show,
            unit=" data",
            unit_scale=True,
            dynamic_ncols=True,
        )

    def show(self, training: TrainingState, row: dict[str, Any] | None = None) -> None:
        """Moves to where training is.

        Args:
            training: The state after a step or an epoch.
            row: The epoch's row of the history, after an epoch.
        """
        if self._bar.disable:
            return
        position = training.position
        self._bar.set_description(f"epoch {training.epoch}/{self._epochs}", refresh=False)
        if row is not None:
            shown = ("loss", "validation_elbo")
            self._bar.set_postfix({k: f"{row[k]:.2f}" for k in shown if k in row}, refresh=False)
        seen = (position.epoch - 1) * self._size + position.seen
        self._bar.update(seen - self._seen)
        self._seen = seen

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()
