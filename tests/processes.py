"""Signals, and processes that the tests start."""

import signal
import subprocess
from contextlib import contextmanager

NUMBERS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]


@contextmanager
def signals_obeyed():
    """A block in which this process, and all that it starts, obeys signals.

    Whoever runs the tests in the background has them ignore some.
    """
    ignored = [number for number in NUMBERS if signal.getsignal(number) == signal.SIG_IGN]
    try:
        for number in ignored:
            own = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, own)
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


def start_process(command, **options):
    """``subprocess.Popen`` of a process that obeys signals."""
    with signals_obeyed():
        return subprocess.Popen(command, **options)
