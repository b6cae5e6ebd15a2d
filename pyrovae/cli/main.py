"""The entry point: which command, and what is said when something is wrong."""

import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any

from pyrovae.cli.errors import Failed, Stopped, UnknownName
from pyrovae.cli.saying import printable, say
from pyrovae.cli.several import SHARED, several

__all__ = ["COMMANDS", "command", "main", "run"]

#: The commands, and the functions they are.
COMMANDS = {
    "train": "train:train",
    "resume": "resume:resume",
    "evaluate": "evaluate:evaluate",
    "score": "score:score",
    "anneal": "anneal:anneal",
    "encode": "encode:encode",
    "latents": "latents:latents",
    "disentangle": "disentangle:disentangle",
    "quality": "quality:quality",
    "sample": "sample:sample",
    "impute": "impute:impute",
    "reconstruct": "reconstruct:reconstruct",
    "plot": "plot:plot",
    "compare": "compare:compare",
    "export": "export:export",
    "explore": "explore:explore",
    "list": "list:show",
    "completion": "completion:completion",
}
NO_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")  # torch's words
FAULT = 70  # EX_SOFTWARE: an error of the program and not of who runs it


def command(name: str) -> Callable[..., None]:
    """The function of a command."""
    module, _, function = COMMANDS[name].partition(":")
    found: Callable[..., None] = getattr(_module(module), function)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: The command and its arguments; those of the process if left out.

    Returns:
        The exit code: 0 if all went well, 1 if training diverged, 2 for wrong input, 70 for a
        fault of the program, 128 and the signal's number if interrupted.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if arguments is None:
        warnings.formatwarning = _each_once()
    return _answer(lambda: _run_shared(words) if several() else _run(words), "pyrovae")


def run(function: Callable[..., Any]) -> None:
    """Runs a function with the arguments of the process, and ends the process where they fail.

    A script of your own has the manners of ``pyrovae`` so: parameters without a default are
    given by their place, the others as ``--name value``, ``--help`` shows what the docstring
    says of them, and wrong input is answered in one line.

    Args:
        function: The function, with annotations of plain types.
    """
    name = os.path.basename(sys.argv[0])
    code = _answer(lambda: _call(name, function, sys.argv[1:]), name)
    if code:
        sys.exit(code)


def _run_shared(words: list[str]) -> None:
    """Runs a command in one of several processes."""
    from pyrovae.ranks import together

    with together():
        if words and words[0] in COMMANDS and words[0] not in SHARED:
            raise ValueError(
                f"{words[0]} runs in one process only: expected one of {', '.join(SHARED)} under "
                "torchrun"
            )
        _run(words)


def _run(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help"):
        from pyrovae.cli.help import usage
        from pyrovae.cli.signatures import summary

        say(usage({name: summary(command(name)) for name in COMMANDS}))
    elif words[0] == "--version":
        from pyrovae import __version__

        say(f"pyrovae {__version__}")
    elif words[0] not in COMMANDS:
        raise UnknownName("", "command", words[0], COMMANDS)
    else:
        _call(f"pyrovae {words[0]}", command(words[0]), words[1:])


def _call(name: str, function: Callable[..., Any], words: Sequence[str]) -> None:
    if _helped(name, function, words):
        return
    from pyrovae.cli.options import read_arguments
    from pyrovae.cli.signatures import parameters

    arguments = read_arguments(function, words, command=name.removeprefix("pyrovae").strip())
    given = [
        arguments.pop(key)
        for key, parameter in parameters(function).items()
        if parameter.is_noun and key in arguments
    ]
    function(*given, **arguments)


def _helped(name: str, function: Callable[..., Any], words: Sequence[str]) -> bool:
    """Answers a call for help, if it is one."""
    from pyrovae.cli.help import command_help

    for i, word in enumerate(words):
        option, _, value = word.partition("=")
        after = value or next(iter(words[i + 1 : i + 2]), "")
        if option in ("-h", "--help", "--help-all"):
            module = sys.modules[function.__module__]
            text = command_help(
                name,
                function,
                groups=getattr(module, "GROUPS", None),
                often=getattr(module, "OFTEN", ""),
                everything=option == "--help-all" or after == "all",
            )
            say(text)
            return True
        if option.startswith("--") and option.endswith(".help"):
            _help_class(name, function, option.removeprefix("--").removesuffix(".help"), after)
            return True
    return False


def _help_class(name: str, function: Callable[..., Any], key: str, cls: str) -> None:
    from pyrovae.cli.catalogue import SLOT_OF
    from pyrovae.cli.commands.list import show
    from pyrovae.cli.options import InSlot
    from pyrovae.cli.signatures import parameters

    known = {k: m for k, p in parameters(function).items() if (m := p.marker(InSlot)) is not None}
    marker = known.get(key)
    if marker is None:
        raise UnknownName(name, "option", f"--{key}.help", [f"--{k}.help" for k in known])
    show(cls if cls and not cls.startswith("-") else SLOT_OF[marker.slot])


def _answer(what: Callable[[], None], name: str) -> int:
    """Does something; what goes wrong is said, and told by the exit code."""
    try:
        with _ended_by_signals():
            what()
            sys.stdout.flush()
        return 0
    except KeyboardInterrupt as stop:
        number = int(getattr(stop, "signal", signal.SIGINT))
        return _fail(name, str(stop) or "interrupted", 128 + number)
    except BrokenPipeError:  # who reads what is said has gone: pyrovae list | head
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 128 + signal.SIGPIPE
    except Exception as error:
        ended = _interruption(error) if isinstance(error, ImportError) else None
        if ended is not None:
            return _fail(name, "interrupted", 128 + int(getattr(ended, "signal", signal.SIGINT)))
        if os.environ.get("PYROVAE_DEBUG"):  # for those who write their own parts
            raise
        if type(error).__name__ == "RankFailed" and getattr(error, "said", False):
            return 1  # another process has said why
        if isinstance(error, Failed):
            return _fail(name, str(error), 1)
        if isinstance(error, ValueError | OSError):
            return _fail(name, _sentence(error), 2)
        if isinstance(error, MemoryError) or any(s in str(error) for s in NO_MEMORY):
            reason = _sentence(error)
            return _fail(name, f"this takes more memory than there is: {reason}", 2)
        traceback.print_exc()
        return _fail(
            name,
            "this is a fault of pyrovae, or of a class of your own: please report it with the "
            "lines above and the command",
            FAULT,
        )


def _interruption(error: BaseException | None) -> KeyboardInterrupt | None:
    """What kept a module from being loaded, if a signal did: extensions say it in their own way."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Makes a request to end the process an exception, so that what is open is closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {
        number: signal.signal(number, stop)
        for number in numbers
        if signal.getsignal(number) == signal.SIG_DFL
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _each_once() -> Callable[..., str]:
    """How warnings are written: in one line, each once, without the place they come from."""
    said: set[str] = set()

    def warning(message: Warning | str, *place: object, **line: object) -> str:
        text = f"pyrovae: warning: {printable(' '.join(str(message).split()), lines=False)}\n"
        is_new = text not in said
        said.add(text)
        return text if is_new and _is_news(text) else ""

    return warning


def _sentence(error: Exception) -> str:
    """What is wrong, without the shapes and the calls that Pyro and torch add in further lines."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    said = str(error)
    for end in ("Trace Shapes:", "Exception raised from", "C++ CapturedTraceback"):
        said = said.partition(end)[0]
    return said or type(error).__name__


def _fail(name: str, reason: str, code: int) -> int:
    text = f"{name}: {printable(' '.join(reason.split()), lines=False)}"
    if _is_news(text):
        print(text, file=sys.stderr)
    return code


def _is_news(text: str) -> bool:
    """Whether none of several processes has said it yet."""
    if not several():
        return True
    from pyrovae.ranks import first_to_say

    return first_to_say(text)


def _module(name: str) -> Any:
    return import_module(f"pyrovae.cli.commands.{name}")
