"""Commands that several processes run together, started by ``torchrun``."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from pyrovae.ranks import Ranks

__all__ = ["SHARED", "held_by_first", "is_first", "restarted", "several"]

T = TypeVar("T")

#: The commands whose work processes share; any other one is for one process.
SHARED = ("train", "resume", "evaluate", "score")


def several() -> bool:
    """Whether this process is one of several."""
    return "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"


def restarted() -> bool:
    """Whether ``torchrun --max-restarts`` has started the processes before."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return not several() or os.environ["RANK"] == "0"


@contextmanager
def held_by_first(ranks: "Ranks", context: AbstractContextManager[T]) -> Iterator[T]:
    """Has the first rank enter a context, and gives all ranks its value."""
    if ranks.is_first:
        with context as value:
            yield ranks.same(value)
    else:
        yield ranks.same(cast(T, None))
