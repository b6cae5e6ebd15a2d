"""The process's entry: ``pyrovae`` and ``python -m pyrovae``."""

import os
import signal
import sys

__all__ = ["start"]


def start() -> int:
    """Runs the command of the process, which Ctrl-C ends in a line at any moment.

    Returns:
        The exit code.
    """
    try:
        from pyrovae.cli import main

        return main()
    except KeyboardInterrupt:  # before the command line could listen, or once it had answered
        print("pyrovae: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    finally:
        # What is left is to take the process down, for which torch has functions of its own.
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    # ``python -m`` looks for modules in the working directory first: a file that lies there must
    # not stand in for one that is meant, nor for one that is looked for and not installed. From
    # a clone that is not installed, the package itself is found there.
    if not sys.flags.safe_path:
        here = sys.path.pop(0)
        if os.path.dirname(os.path.dirname(__file__)) == here and here not in sys.path:
            sys.path.append(here)

    sys.exit(start())
