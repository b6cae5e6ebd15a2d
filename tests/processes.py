"""Processes that the tests start."""

import signal
import subprocess


def start_process(command, **options):
    """``subprocess.Popen`` of a process that obeys signals.

    Whoever runs the tests in the background has them ignore some, and so all that they start.
    """
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [getattr(signal, name) for name in names]
    ignored = [number for number in numbers if signal.getsignal(number) == signal.SIG_IGN]
    try:
        for number in ignored:
            signal.signal(number, signal.SIG_DFL)
        return subprocess.Popen(command, **options)
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
