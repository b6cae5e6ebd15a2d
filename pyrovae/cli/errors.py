"""What can be wrong with a command: exceptions with fields, each one line when printed."""

import difflib
import signal
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Failed", "Stopped", "UnknownName", "UsageError", "check_ending", "nearest"]


FEW = 15  # names that are all shown where none is near


class UsageError(ValueError):
    """An option, or a word of a command, whose value does not fit.

    Args:
        option: The option as it is typed, such as ``--epochs``, or the key of a file.
        expected: What would fit, in words.
        got: What was given; left out, nothing was.

    Attributes:
        option: The option.
        expected: What would fit.
        got: What was given, or None.
    """

    def __init__(self, option: str, expected: str, got: object = None) -> None:
        self.option, self.expected, self.got = option, expected, got
        given = "none" if got is None else repr(got)
        super().__init__(f"{option}: expected {expected}, got {given}")


class UnknownName(UsageError):
    """A command, an option, a class or a figure that there is not.

    Args:
        option: Where the name was given; empty for a name that is an option or a command itself.
        kind: What it would have been: "option", "prior", ...
        name: The name.
        known: The names that there are.

    Attributes:
        kind: What it would have been.
        name: The name.
        near: The known names that are most like it, the nearest first.
    """

    def __init__(self, option: str, kind: str, name: str, known: Iterable[str]) -> None:
        choices = list(known)
        self.kind, self.name, self.near = kind, name, nearest(name, choices)
        super().__init__(option, f"one of {', '.join(choices)}", name)
        where = f"{option}: " if option else ""
        if self.near:
            hint = f"did you mean {' or '.join(self.near)}?"
        elif not choices:
            hint = "there are none here"
        elif len(choices) <= FEW:
            hint = f"expected one of {', '.join(choices)}"
        else:
            hint = f"there are {len(choices)}, such as {', '.join(choices[:3])}"
        self.args = (f"{where}there is no {kind} {name!r}; {hint}",)


class Failed(Exception):
    """A command that was right and did not succeed.

    Args:
        reason: Why.
    """


class Stopped(KeyboardInterrupt):
    """A command that a signal ended.

    Args:
        number: The signal.
        how: How to go on, where there is a way.

    Attributes:
        signal: The signal.
        how: How to go on.
    """

    def __init__(self, number: int = signal.SIGINT, how: str = "") -> None:
        self.signal, self.how = int(number), how
        super().__init__(f"interrupted; {how}" if how else "interrupted")


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """The known names that someone who typed ``name`` may have meant, the nearest first."""
    choices = {_letters(choice): choice for choice in known}
    word = _letters(name)
    near = difflib.get_close_matches(word, choices, n=most, cutoff=0.6)
    longer = sorted((c for c in choices if len(word) > 2 and word in c), key=len)
    begun = [choice for choice in longer if choice.startswith(word)]
    return [choices[choice] for choice in dict.fromkeys([*begun, *near, *longer])][:most]


def _letters(name: str) -> str:
    return name.lower().lstrip("-").replace("-", "_")


def check_ending(out: str | None, ending: str) -> None:
    """Raises where a file's name does not end as what is written there.

    Raises:
        UsageError: If it does not.
    """
    if out is not None and Path(out).suffix != ending:
        raise UsageError("--out", f"a file name that ends in {ending}", out)
