"""Ending training cleanly on SIGINT, SIGTERM and SIGHUP."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Interrupted", "Signals"]


class Interrupted(KeyboardInterrupt):
    """Training was asked to end and has written its checkpoint; the message says how to resume.

    Attributes:
        signal: The signal, such as ``signal.SIGTERM``.
    """

    def __init__(self, message: str, signal: signal.Signals) -> None:
        super().__init__(message)
        self.signal = signal


class Signals:
    """Records the first signal to end in a block instead of obeying it; a second one is obeyed.

    Ctrl-C sends SIGINT, a scheduler or ``docker stop`` sends SIGTERM, a closing terminal SIGHUP.

    Handlers can be set only in the main thread; in other threads nothing is recorded. The previous
    handlers are restored at the first signal, and at the end of the block.

    Args:
        active: Whether to record anything.

    Attributes:
        received: The recorded signal.
    """

    # Windows has no SIGHUP.
    watched = tuple(
        signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    )

    def __init__(self, *, active: bool = True) -> None:
        self.received: signal.Signals | None = None
        self._active = active and threading.current_thread() is threading.main_thread()
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if self._active:
            for number in self.watched:
                former = signal.getsignal(number)
                # A handler that was not set from Python could not be restored. A process that
                # ignores a signal (nohup) goes on ignoring it.
                if former is not None and former != signal.SIG_IGN:
                    self._former[number] = former
                    signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._put_back()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = signal.Signals(number)
        self._put_back()

    def _put_back(self) -> None:
        former, self._former = self._former, {}
        for number, handler in former.items():
            signal.signal(number, handler)
