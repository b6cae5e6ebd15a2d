"""How fast training has been of late."""

from collections import deque

__all__ = ["Pace"]

#: Seconds that are looked back at least, and into about how many parts this time is divided.
SPAN, PARTS = 10.0, 20


class Pace:
    """Data per second over the last epoch, or over the last ten seconds where these are longer.

    Compiling takes place once, so what it takes must not count in the time that is left. What is
    done at the end of each epoch must, which is why the time of a whole epoch is seen.

    Args:
        size: Number of data in an epoch.
        seen: Number of data seen before.
        now: The time, in seconds.
    """

    def __init__(self, size: int, *, seen: int, now: float) -> None:
        self._size = size
        self._marks = deque([(now, seen)])

    def update(self, seen: int, now: float) -> None:
        """Takes note of how many data have been seen by now."""
        marks = self._marks
        if now - marks[-1][0] >= max(SPAN, now - marks[0][0]) / PARTS:
            marks.append((now, seen))
        while len(marks) > 1 and now - marks[1][0] >= SPAN and seen - marks[1][1] >= self._size:
            marks.popleft()

    def rate(self, seen: int, now: float) -> float:
        """Data per second, 0 before any have been seen."""
        then, before = self._marks[0]
        return (seen - before) / (now - then) if now > then else 0.0
