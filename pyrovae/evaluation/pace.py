"""Warns how long something will take that is done many times."""

import time
import warnings
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["Pace"]

T = TypeVar("T")

SOON = 300.0  # seconds that need no warning beforehand
# When to warn: the first runs are slower, and one of the first ten may compile the program.
RUNS, SECONDS = 8, 30.0
UNITS = ((365 * 86400, "years"), (86400, "days"), (3600, "hours"), (60, "minutes"))


class Pace:
    """Warns if all runs together will take minutes or more, judging by the first ones.

    Args:
        what: What takes so long.
        runs: Total number of runs.
    """

    def __init__(self, what: str, runs: int) -> None:
        self._what, self._left = what, runs
        self._seconds: list[float] = []
        self._is_known = False

    def __call__(self, runs: Iterable[T]) -> Iterator[T]:
        """Yields the runs, and times each until the next one is requested. May be called again."""
        began = time.perf_counter()
        for run in runs:
            yield run
            self._left -= 1
            if not self._is_known:
                now = time.perf_counter()
                self._seconds.append(now - began)
                began = now
                self._look()

    def _look(self) -> None:
        # The first run may compile the program.
        if len(self._seconds) < 2 or (len(self._seconds) < RUNS and sum(self._seconds) < SECONDS):
            return
        self._is_known = True
        left = min(self._seconds) * self._left
        if left > SOON:
            warnings.warn(
                f"{self._what} will take about {_in_words(left)} at the current pace",
                stacklevel=2,
            )


def _in_words(seconds: float) -> str:
    size, unit = next(((s, u) for s, u in UNITS if seconds >= 2 * s), UNITS[-1])
    return (
        f"{seconds / size:.0f} {unit}" if seconds < 1e5 * size else f"{seconds / size:.0e} {unit}"
    )
