"""The entry point: which command, and what is said when something is wrong."""

import os
import sys
from collections.abc import Sequence

from pyrovae.cli import commands
from pyrovae.cli.parser import COMMANDS, one_line, version
from pyrovae.cli.train import resume, train
from pyrovae.training import Diverged

__all__ = ["main"]

RUN = {
    "train": train,
    "resume": resume,
    "evaluate": commands.evaluate,
    "sample": commands.sample,
    "reconstruct": commands.reconstruct,
    "plot": commands.plot,
    "compare": commands.compare,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: The command and its arguments; those of the process if left out.

    Returns:
        The exit code: 0 if all went well, 2 for wrong input, 1 if training diverged, 130 if
        interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    # A user's own classes are found by their import path from where the command is given, as
    # with python -m.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0
    command, *rest = arguments
    if command == "--version":
        print(version())
        return 0
    if command not in RUN:
        return _fail(f"command: expected one of {', '.join(RUN)}, got {command!r}")
    if os.environ.get("PYROVAE_DEBUG"):  # for those who write their own parts: the traceback
        RUN[command](rest)
        return 0
    try:
        RUN[command](rest)
    except KeyboardInterrupt:
        return 130
    except Diverged as error:
        print(f"pyrovae: {one_line(error)}", file=sys.stderr)
        return 1
    except (ValueError, OSError, TypeError) as error:
        return _fail(one_line(error))
    except SystemExit as end:  # --help and --print_config
        return int(end.code or 0)
    except Exception as error:
        if type(error).__name__ in ("ArgumentError", "NSKeyError"):
            return _fail(one_line(error))
        raise
    return 0


def _fail(reason: str) -> int:
    print(f"pyrovae: {reason}", file=sys.stderr)
    return 2


def _usage() -> str:
    commands = "\n".join(f"  {name:12} {text}" for name, text in COMMANDS.items())
    return (
        "usage: pyrovae COMMAND [OPTIONS]\n\n"
        "Variational autoencoders as Pyro programs.\n\n"
        f"{commands}\n\n"
        "pyrovae COMMAND --help says what a command takes. To begin: pyrovae train\n"
    )
