"""What all ranks do together: where one fails, all stop, and one says why."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from pyrovae.ranks.group import Ranks, close, present, store

__all__ = ["OnAllRanks", "RankFailed", "first_to_say", "together"]

KEY = "pyrovae failed"
#: Words of the libraries that ranks talk through, where a connection has broken.
BROKEN = ("gloo", "NCCL", "Connection closed", "Connection reset", "Broken pipe")
WAIT = timedelta(seconds=2)


class OnAllRanks(ValueError):
    """Wrong input that all ranks have found at the same place, so that none waits for another."""


class RankFailed(RuntimeError):
    """Another rank has failed, so that this one cannot go on; the message says which and why.

    Attributes:
        said: Whether that rank has said why itself.
    """

    def __init__(self, message: str, *, said: bool) -> None:
        super().__init__(message)
        self.said = said


@contextmanager
def together(*common: type[BaseException]) -> Iterator[Ranks]:
    """Runs a block that all ranks run.

    A rank whose block raises leaves the group, and the others, which would wait for it, raise
    `RankFailed` with its message. Nothing more is done together after that.

    Args:
        *common: Errors that all ranks raise at the same place, so that none waits.

    Raises:
        RankFailed: If another rank has failed or ended.
    """
    ranks = present()
    if ranks.size == 1:
        yield ranks
        return
    words = store()
    try:
        yield ranks
    except BaseException as error:
        if isinstance(error, (RankFailed, OnAllRanks, *common)):
            raise
        if not _is_broken(error):
            what = f"rank {ranks.rank}: {type(error).__name__}: {error}"
            _put(words, what)
            close(what)
            raise
        said = _get(words)
        reason = said or "another rank has ended without saying why"
        close(reason)
        raise RankFailed(reason, said=said is not None) from None


def first_to_say(text: str) -> bool:
    """Whether no other rank has said a text before; the first rank to ask may."""
    words = store()
    if words is None:
        return True
    try:
        return words.add(f"pyrovae said {hashlib.sha256(text.encode()).hexdigest()}", 1) == 1
    except (RuntimeError, ValueError):  # who kept count has gone
        return True


def _is_broken(error: BaseException) -> bool:
    """Whether an error says no more than that another rank is not there."""
    return isinstance(error, RuntimeError) and any(word in str(error) for word in BROKEN)


def _put(words: Any, what: str) -> None:
    try:
        if words.add(f"{KEY} count", 1) == 1:  # the first of several is what the others tell of
            words.set(KEY, what)
    except RuntimeError:
        pass


def _get(words: Any) -> str | None:
    try:
        words.wait([KEY], WAIT)
        return words.get(KEY).decode(errors="replace")
    except RuntimeError:
        return None
