"""Progress of training on standard error: a live line in a terminal, log lines elsewhere."""

import math
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

from pyrovae.training.pace import Pace
from pyrovae.training.state import TrainingState

__all__ = ["Progress", "sparkline"]

BARS = "▁▂▃▄▅▆▇█"
EPOCHS_DRAWN = 20
SHOWN = {"loss": "loss", "validation_elbo": "validation ELBO"}
#: Seconds between two updates of the live line.
REDRAW = 0.1
#: A log gets about LINES lines in all, at least one every SILENCE seconds in a long run, and
#: never more than one per epoch.
LINES, SILENCE = 20, 60.0


def sparkline(values: Sequence[float]) -> str:
    """Draws values as bars between the lowest and the highest; non-finite values are gaps."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    spread = high - low
    scale = (len(BARS) - 1) / spread if 0 < spread < math.inf else 0.0
    return "".join(
        BARS[round((value - low) * scale) if scale else 0] if math.isfinite(value) else " "
        for value in values
    )


class Progress:
    """Shows the epoch, its losses, the course of the objective, the pace and the time left.

    Args:
        training: The state where training begins or resumes.
        epochs: Number of epochs.
        size: Number of data in an epoch.
        show: Whether to show anything; of several ranks only the first does.
    """

    def __init__(self, training: TrainingState, epochs: int, size: int, *, show: bool) -> None:
        self._epochs, self._size = epochs, size
        self._show = show = show and training.ranks.is_first
        self._live = show and sys.stderr.isatty()
        self._last = time.monotonic()
        self._pace = Pace(size, seen=self._seen(training), now=self._last)
        self._width = 0

    def show(self, training: TrainingState, row: dict[str, Any] | None = None) -> None:
        """Updates the display.

        Args:
            training: The state after a step or an epoch.
            row: The epoch's row of the history, after an epoch.
        """
        if not self._show:
            return
        now = time.monotonic()
        self._pace.update(self._seen(training), now)
        if self._live:
            if row is not None or now - self._last >= REDRAW:
                self._last = now
                self._draw(self._line(training, now))
        elif row is not None and self._is_due(row["epoch"], now):
            self._last = now
            print(self._line(training, now), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Ends the live line and leaves it on the screen."""
        if self._width:
            print(file=sys.stderr, flush=True)
            self._width = 0

    def _is_due(self, epoch: int, now: float) -> bool:
        every = math.ceil(self._epochs / LINES)
        is_marked = epoch == 1 or epoch % every == 0 or epoch == self._epochs
        return is_marked or now - self._last >= SILENCE

    def _draw(self, line: str) -> None:
        # A line that wraps could not be overwritten.
        line = line[: shutil.get_terminal_size().columns - 1]
        print("\r" + line.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = len(line)

    def _line(self, training: TrainingState, now: float) -> str:
        history, seen = training.history, self._seen(training)
        parts = [f"epoch {training.epoch}/{self._epochs}"]
        if len(history):
            row = history[-1]
            parts += [f"{name} {row[key]:.2f}" for key, name in SHOWN.items() if key in row]
            bars = sparkline(history.column("loss")[-EPOCHS_DRAWN:])
            if len(bars) > 1 and _can_be_written(BARS):
                parts.append(bars)
        if pace := self._pace.rate(seen, now):
            parts.append(f"{pace:,.0f} data/s" if pace >= 10 else f"{pace:.2g} data/s")
            if seen < self._epochs * self._size:
                parts.append(f"{_clock((self._epochs * self._size - seen) / pace)} left")
        return "  ".join(parts)

    def _seen(self, training: TrainingState) -> int:
        return (training.position.epoch - 1) * self._size + training.position.seen


def _can_be_written(text: str) -> bool:
    try:
        text.encode(sys.stderr.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
