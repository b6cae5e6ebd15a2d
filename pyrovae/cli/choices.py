"""Options that name a class: from what was typed, and what a file holds, to a specification."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import NoneType
from typing import Any, get_args

from pyrovae.cli.classes import asked_for, plain, whole
from pyrovae.cli.errors import UnknownName, UsageError
from pyrovae.cli.option_files import read_options
from pyrovae.cli.options import InSlot, Spec, Typed
from pyrovae.cli.own_classes import packages_of, reach
from pyrovae.cli.signatures import Parameter, class_parameters
from pyrovae.cli.values import NONE, read_value
from pyrovae.specifications import (
    SLOTS,
    Slot,
    choices,
    find_class,
    nested_slot,
)

__all__ = ["change", "choose", "choose_all"]


def choose_all(
    known: Mapping[str, Parameter],
    arguments: dict[str, Any],
    named: Mapping[str, Typed],
    files: Collection[str],
) -> dict[str, Any]:
    """The arguments of a command with those that files hold and those that name a class.

    A class that is typed allows itself, and nothing that a file names.

    Args:
        known: The command's parameters.
        arguments: Those that are read already.
        named: What was typed for those that name a class.
        files: Files of options.

    Raises:
        ValueError: If one does not fit.
    """
    allow = list(arguments.get("allow") or [])
    reach(allow)
    stored: dict[str, Any] = {}
    for file in files:
        stored |= read_options(file, known, allow=allow)
    own = sorted(set().union(*map(packages_of, named.values())))
    reach(own)
    chosen = {
        name: choose(f"--{name}", typed, known[name], base=stored.get(name), allow=[*allow, *own])
        for name, typed in named.items()
    }
    allowed = {"allow": list(dict.fromkeys([*allow, *own]))} if "allow" in known else {}
    return stored | arguments | chosen | allowed


def choose(
    option: str,
    typed: Typed,
    parameter: Parameter,
    *,
    base: Any = None,
    allow: Collection[str] = (),
) -> Any:
    """The specification that was typed: a class, arguments for one, or both.

    Args:
        option: The option, ``--prior``.
        typed: What was typed for it.
        parameter: The command's parameter.
        base: What a file says; its arguments hold where the class is the same.
        allow: Packages whose classes may be named.

    Raises:
        ValueError: If it does not fit.
    """
    marker = parameter.marker(InSlot)
    assert marker is not None
    word = _once(option, typed)
    members = (parameter.annotation, *get_args(parameter.annotation))
    if not typed.arguments and isinstance(word, str):
        if word.lower() in NONE and NoneType in members:
            if marker.usual is not None:
                raise UsageError(
                    option, "the name of a class; omit the option for the default", word
                )
            return None
        if float in members and not _looks_like_class(word):
            return read_value(word, replace(parameter, annotation=float), option)
        if float in members and "." not in word:
            known = choices(SLOTS[marker.slot])
            if word not in known:
                raise UsageError(option, f"a number or one of {', '.join(known)}", word)
    base = base if isinstance(base, Mapping) else marker.usual
    return _specify(option, typed, SLOTS[marker.slot], base, allow)


def change(option: str, typed: Typed, base: Spec, *, allow: Collection[str] = ()) -> Spec:
    """A specification with some of its arguments changed, its class being what it was."""
    name = base["class_path"].rpartition(".")[2]
    if typed.words and typed.words[-1] not in (name, base["class_path"]):
        raise UsageError(option, f"arguments of the run's {name} only", typed.words[-1])
    slot = SLOTS[option.removeprefix("--")]
    return _specify(option, replace(typed, words=[]), slot, base, allow)


def _specify(
    option: str, typed: Typed, slot: Slot, base: Spec | None, allow: Collection[str]
) -> dict[str, Any]:
    word = _once(option, typed)
    if word is True or (word is None and base is None):
        raise UsageError(option, "the name of a class that these arguments are for")
    place = replace(slot, name=option)
    old = find_class(base["class_path"], place, allow=allow) if base is not None else None
    cls = old if word is None else find_class(str(word), place, allow=allow)
    assert cls is not None
    arguments = dict(base.get("init_args") or {}) if base is not None and cls is old else {}
    known = asked_for(cls, slot)
    for name, given in typed.arguments.items():
        inner = f"{option}.{name}"
        if name not in known:
            if name in class_parameters(cls):
                raise UsageError(
                    inner,
                    "it to be omitted, because the data and the other parts determine it",
                    _said(given),
                )
            raise UnknownName(option, f"argument of {cls.__name__}", name, known)
        arguments[name] = _argument(inner, given, known[name], arguments.get(name), allow)
    named = word if isinstance(word, str) else base["class_path"] if base is not None else ""
    return whole(cls, arguments, slot, named)


def _argument(
    option: str, given: Typed, parameter: Parameter, base: Any, allow: Collection[str]
) -> Any:
    slot = nested_slot(parameter.annotation)
    word = given.words[-1] if given.words else None
    if slot is not None:
        of_words = {w for part in get_args(parameter.annotation) for w in get_args(part)}
        is_class = (
            isinstance(word, str)
            and _looks_like_class(word)
            and word not in of_words
            and word.lower() not in NONE
        )
        if given.arguments or is_class:
            return _specify(option, given, slot, base if isinstance(base, dict) else None, allow)
        if float not in (parameter.annotation, *get_args(parameter.annotation)) and not (
            isinstance(word, str) and word.lower() in NONE
        ):
            raise UsageError(option, "the name of a class", word)
    if given.arguments:
        raise UsageError(option, "a plain value, not a class with arguments")
    if isinstance(word, str) and len(given.words) > 1:
        values = [read_value(part, parameter, option) for part in given.words]
        if not all(isinstance(value, list | tuple) for value in values):
            _once(option, given)
        return [item for value in values for item in value]
    word = _once(option, given)
    if (
        word is True
        and parameter.annotation not in (bool, Any)
        and bool not in get_args(parameter.annotation)
    ):
        raise UsageError(option, "a value")
    return plain(read_value(word, parameter, option))


def _once(option: str, typed: Typed) -> str | bool | None:
    if len(typed.words) > 1:
        raise UsageError(option, "a single value", " and ".join(map(str, typed.words)))
    return typed.words[0] if typed.words else None


def _said(typed: Typed) -> str:
    return " ".join(map(str, typed.words))


def _looks_like_class(word: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][\w.]*", word) is not None and word.lower() not in (
        "inf",
        "nan",
    )
