"""From the words of a command line to the arguments of a function."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, get_args, get_origin

from pyrovae.cli.errors import UnknownName, UsageError
from pyrovae.cli.signatures import REQUIRED, Parameter, parameters
from pyrovae.cli.values import LISTS, read_value

__all__ = ["Changes", "InSlot", "OptionsFile", "Spec", "Typed", "TypedOnly", "read_arguments"]

#: A class and its own arguments, ``{"class_path": ..., "init_args": {...}}``.
Spec: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class InSlot:
    """Marks an option that names a class: ``--prior VampPrior --prior.components 100``.

    Attributes:
        slot: The slot of `pyrovae.specifications` that the class stands in.
        usual: What arguments alone (``--encoder.hidden [16]``) belong to.
    """

    slot: str
    usual: Spec | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Changes:
    """Marks an option that only changes a class's arguments; they are given as `Typed`."""

    slot: str


@dataclass(frozen=True)
class OptionsFile:
    """Marks the option that names a file of options, which what is typed overrides."""


@dataclass(frozen=True)
class TypedOnly:
    """Marks an option that is typed, and that no file may hold."""


@dataclass
class Typed:
    """What was typed for one option.

    Attributes:
        words: Its values, in order; True for a flag without one.
        arguments: What was typed for the arguments of the class that it names.
    """

    words: list[str | bool] = field(default_factory=list)
    arguments: dict[str, "Typed"] = field(default_factory=dict)


def read_arguments(
    function: Callable[..., Any], words: Sequence[str], *, command: str
) -> dict[str, Any]:
    """Reads the arguments of a function from the words of a command line.

    Whatever needs no class is read first, so that a slip of the pen is answered at once.

    Args:
        function: What will be called. Its parameters without a default are given by their place,
            the others as options.
        words: The words after the command's name.
        command: The command's name.

    Raises:
        UsageError: If a word does not fit.
        ValueError: If a file of options does not.
    """
    known = parameters(function)
    nouns, typed = _split(known, words, command)
    arguments: dict[str, Any] = _read_nouns(known, nouns, command)
    named: dict[str, Typed] = {}
    for name, given in typed.items():
        parameter = known[name]
        if parameter.marker(InSlot):
            named[name] = given
        elif parameter.marker(Changes):
            arguments[name] = given
        else:
            arguments[name] = _read_option(parameter, given)
    files = [name for name, p in known.items() if p.marker(OptionsFile) and name in arguments]
    if named or files or arguments.get("allow"):
        # Only now: to look at classes loads them, and torch with them.
        from pyrovae.cli.choices import choose_all

        stored = [arguments[name] for name in files]
        return choose_all(known, arguments, named, stored)
    return arguments


def _split(
    known: Mapping[str, Parameter], words: Sequence[str], command: str
) -> tuple[list[str], dict[str, Typed]]:
    """The nouns, and what was typed for each option."""
    nouns: list[str] = []
    typed: dict[str, Typed] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            nouns += rest
            break
        if not word.startswith("--"):
            if word.startswith("-") and not word[1:2].isdigit() and len(word) > 1:
                raise UnknownName("", "option", word, _names(known))
            nouns.append(word)
            continue
        option, has_value, value = word.partition("=")
        name, *path = option[2:].split(".")
        name = name.replace("-", "_")
        parameter = known.get(name)
        if parameter is None or parameter.is_noun:
            raise UnknownName(command, "option", option, _names(known))
        has_arguments = parameter.marker(InSlot) or parameter.marker(Changes)
        if path and (not has_arguments or not all(path)):
            raise UnknownName(command, "option", option, _names(known))
        given = typed.setdefault(name, Typed())
        for step in path:
            given = given.arguments.setdefault(step, Typed())
        if has_value:
            given.words.append(value)
        elif parameter.annotation is bool and not path:
            is_said = bool(rest) and rest[0].lower() in ("true", "false")
            given.words.append(rest.pop(0) if is_said else True)
        elif rest and not rest[0].startswith("--"):
            given.words.append(rest.pop(0))
        elif path:
            given.words.append(True)
        else:
            raise UsageError(option, "a value")
    return nouns, typed


def _read_nouns(
    known: Mapping[str, Parameter], nouns: Sequence[str], command: str
) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    left = list(nouns)
    for name, parameter in known.items():
        if not parameter.is_noun:
            continue
        if _is_list(parameter) and left:
            arguments[name] = [read_value([word], parameter, name.upper())[0] for word in left]
            left = []
        elif left:
            arguments[name] = read_value(left.pop(0), parameter, name.upper())
        elif parameter.default is REQUIRED:
            expected = parameter.help[:1].lower() + parameter.help[1:].rstrip(".")
            raise UsageError(f"{command} {name.upper()}".strip(), expected or "a value")
    if left:
        raise UsageError(command, "only options after the arguments", left[0])
    return arguments


def _read_option(parameter: Parameter, given: Typed) -> Any:
    option = f"--{parameter.name}"
    if _is_list(parameter):
        first, *rest = parts = [read_value(word, parameter, option) for word in given.words]
        if not rest:
            return first
        if all(isinstance(part, list | tuple) for part in parts):
            return type(first)(item for part in parts for item in part)
    if len(given.words) > 1:
        said = " and ".join(map(str, given.words))
        raise UsageError(option, "a single value", said)
    return read_value(given.words[0], parameter, option)


def _is_list(parameter: Parameter) -> bool:
    members = [parameter.annotation, *get_args(parameter.annotation)]
    return any((get_origin(member) or member) in LISTS for member in members)


def _names(known: Mapping[str, Parameter]) -> Collection[str]:
    return [f"--{name}" for name, parameter in known.items() if not parameter.is_noun]
