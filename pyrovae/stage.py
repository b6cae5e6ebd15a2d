"""One thread at a time runs programs: Pyro's handlers and parameters are of the whole process."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["on_stage"]


SECONDS = 0.05  # between two looks at what another thread does


class _Stage:
    """Who runs programs now.

    Attributes:
        process: The process whose threads these are.
        lock: Held by the thread that does; the same thread may take it again.
        trainer: The thread that is training, if one is.
    """

    def __init__(self) -> None:
        self.process = os.getpid()
        self.lock = threading.RLock()
        self.trainer: int | None = None


_stage = _Stage()


def _of_this_process() -> _Stage:
    # A forked child has one thread alone; what the others held, nobody would give back there.
    global _stage
    if _stage.process != os.getpid():
        _stage = _Stage()
    return _stage


@contextmanager
def on_stage(*, training: bool = False) -> Iterator[None]:
    """Runs a block that runs programs while no other thread of the process does.

    Pyro keeps its stack of handlers and its parameter store for the process, and torch its
    default generators. Two threads within programs would see each other's sites and take each
    other's random numbers. A short block waits for another thread's to end; nothing waits for
    training.

    Args:
        training: Whether the block trains, which takes as long as it takes.

    Raises:
        RuntimeError: If another thread is training.
    """
    stage = _of_this_process()
    while not stage.lock.acquire(timeout=SECONDS):
        if stage.trainer is not None:
            raise RuntimeError(
                "another thread is training, but Pyro's handlers and parameter store and torch's "
                "random numbers are shared by the whole process: train in separate processes, "
                "and query a model in training from its callbacks or from a checkpoint"
            )
    outer = stage.trainer
    try:
        if training:
            stage.trainer = threading.get_ident()
        yield
    finally:
        stage.trainer = outer
        stage.lock.release()
