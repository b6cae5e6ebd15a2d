"""What ``--help`` says: from signatures, docstrings and the catalogue, without loading torch."""

import shutil
import textwrap
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, get_args

from pyrovae.cli.catalogue import names_for
from pyrovae.cli.options import Changes, InSlot
from pyrovae.cli.signatures import REQUIRED, Parameter, parameters, summary
from pyrovae.cli.values import PathLike, in_words

__all__ = ["class_help", "command_help", "shown", "usage"]

MARGIN = 24


def usage(commands: Mapping[str, str]) -> str:
    """The commands, a line each."""
    lines = [_entry(f"  {name}", text, margin=15) for name, text in commands.items()]
    return "\n".join(
        [
            "usage: pyrovae COMMAND [OPTIONS]",
            "",
            "Variational autoencoders as Pyro programs.",
            "",
            *lines,
            "",
            "pyrovae COMMAND --help says what a command takes. To begin: pyrovae train",
        ]
    )


def command_help(
    name: str,
    function: Callable[..., Any],
    *,
    groups: Mapping[str, str] | None = None,
    often: str = "",
    everything: bool = False,
) -> str:
    """What a command takes.

    Args:
        name: What the command is called, ``pyrovae train``.
        function: The command.
        groups: Its options' names by what they are about.
        often: The options that people use most; all if empty.
        everything: Whether to show the others, too.
    """
    known = parameters(function)
    options = [key for key, parameter in known.items() if not parameter.is_noun]
    nouns = [parameter for parameter in known.values() if parameter.is_noun]
    words = "".join(f" {_noun(noun)}" for noun in nouns)
    lines = [f"usage: {name}{words}{' [OPTIONS]' if options else ''}", "", summary(function)]
    if nouns:
        lines += ["", *(_entry(f"  {noun.name.upper()}", noun.help) for noun in nouns)]
    shown_options = set(options) if everything or not often else set(often.split())
    for title, names in (groups or {"Options": " ".join(options)}).items():
        entries = [_option(known[key]) for key in names.split() if key in shown_options]
        lines += ["", f"{title}:", *entries] if entries else []
    hidden = len(set(options) - shown_options)
    if hidden:
        lines += ["", f"{name} --help all shows {hidden} more."]
    if any(parameter.marker(InSlot) for parameter in known.values()):
        lines += [
            "",
            textwrap.fill(
                "CLASS is one of the names shown, or a class of your own by its import path; its "
                "own arguments follow as --prior.components 100. --prior.help VampPrior shows "
                "them.",
                _width(),
            ),
        ]
    return "\n".join(lines)


def class_help(option: str, cls: type, arguments: Mapping[str, Parameter]) -> str:
    """What a class takes as arguments, as options.

    Args:
        option: The option that names the class, ``--prior``; empty where it is not known.
        cls: The class.
        arguments: Those of its arguments that a person gives.
    """
    lines = [f"{cls.__name__}: {summary(cls)}", ""]
    lines += [_option(parameter, f"{option}.") for parameter in arguments.values()] or [
        "  It takes no arguments of its own."
    ]
    return "\n".join(lines)


def shown(value: Any) -> str:
    """A default, as it would be typed."""
    if isinstance(value, Mapping):
        arguments = ", ".join(f"{k} {shown(v)}" for k, v in (value.get("init_args") or {}).items())
        name = str(value["class_path"]).rpartition(".")[2]
        return f"{name} with {arguments}" if arguments else name
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return "none" if value is None else str(value)


def _option(parameter: Parameter, prefix: str = "--") -> str:
    slot = parameter.marker(InSlot)
    change = parameter.marker(Changes)
    text = parameter.help
    default = parameter.default
    if slot is not None:
        text += f" {'Or one' if float in get_args(parameter.annotation) else 'One'} of "
        text += f"{', '.join(names_for(slot.slot))}."
        default = slot.usual if slot.usual is not None else default
    if default is REQUIRED:
        text += " (required)"
    elif default not in (None, (), [], False):
        text += f" (default: {shown(default)})"
    head = f"  {prefix}{parameter.name}"
    if change is not None:
        head += ".NAME VALUE"
    elif parameter.annotation is not bool:
        head += f" {_value(parameter)}"
    return _entry(head, text.strip())


def _value(parameter: Parameter) -> str:
    """A word for what an option's value is."""
    if parameter.marker(InSlot):
        return "CLASS"
    if parameter.marker(PathLike):
        return "PATH"
    members = [m for m in get_args(parameter.annotation) if m is not NoneType]
    annotation = members[0] if len(members) == 1 else parameter.annotation
    words = in_words(annotation)
    if words.startswith("one of "):
        return "{" + words.removeprefix("one of ").replace(", ", ",") + "}"
    return {
        "a whole number": "N",
        "a number": "X",
        "a whole number or a number": "X",
        "text": "TEXT",
        "a path": "PATH",
        "a value": "VALUE",
    }.get(words, "LIST" if words.startswith("a list") else "VALUE")


def _noun(parameter: Parameter) -> str:
    name = parameter.name.upper()
    name = f"{name[:-1]} ..." if "list" in str(parameter.annotation) else name
    return name if parameter.default is REQUIRED else f"[{name}]"


def _entry(head: str, text: str, *, margin: int = MARGIN) -> str:
    room = _width()
    body = textwrap.wrap(text, room - margin) or [""]
    if len(head) < margin - 1:
        body[0] = f"{head:{margin}}{body[0]}"
        first: list[str] = []
    else:
        first = [head]
        body[0] = " " * margin + body[0]
    return "\n".join([*first, body[0], *(" " * margin + line for line in body[1:])]).rstrip()


def _width() -> int:
    return max(60, min(100, shutil.get_terminal_size((96, 24)).columns))
