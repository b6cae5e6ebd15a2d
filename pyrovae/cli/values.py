"""Reading values: from what was typed, or a file holds, to what an annotation asks for."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pyrovae.cli.errors import UsageError
from pyrovae.cli.signatures import REQUIRED, Parameter

__all__ = [
    "SEEDS",
    "Count",
    "Folder",
    "Pairs",
    "PathLike",
    "Place",
    "Seed",
    "Within",
    "in_words",
    "read_value",
]

LISTS = (list, tuple, Sequence, Collection, Iterable)
NONE = ("none", "null")
# Which member of a union is asked first: text takes whatever the others do not.
ORDER = (NoneType, Literal, bool, int, float)


@dataclass(frozen=True)
class Within:
    """Marks a number that lies between two, both included."""

    least: float
    most: float = math.inf


@dataclass(frozen=True)
class PathLike:
    """Marks the path of a file or folder: ``~`` is the home folder, and none is no name."""


@dataclass(frozen=True)
class Pairs:
    """Marks a mapping that may be typed as ``name=value,name=value``."""


SEEDS = Within(0, 2**32 - 1)  # NumPy's
Count: TypeAlias = Annotated[int, Within(1, 2**53)]
Seed: TypeAlias = Annotated[int, SEEDS]
Folder: TypeAlias = Annotated[str, PathLike()]
Place: TypeAlias = Annotated[str | None, PathLike()]


class _Misfit(Exception):
    def __init__(self, expected: str) -> None:
        self.expected = expected


def read_value(value: Any, parameter: Parameter, option: str) -> Any:
    """Reads a value as the type that a parameter asks for.

    Text is read: ``12`` as a number, ``[400, 200]`` as a list, ``none`` as ``None``. Other values,
    as a file has them, are checked alone.

    Args:
        value: What was given.
        parameter: What is asked for.
        option: What the message calls it.

    Raises:
        UsageError: If it does not fit.
    """
    path = parameter.marker(PathLike)
    if path and isinstance(value, list) and "" in value:
        raise UsageError(option, "a path", "")
    if value == "" or (path and isinstance(value, str) and value.lower() in NONE):
        what = "a path" if path else in_words(parameter.annotation)
        is_needed = parameter.default is REQUIRED or parameter.default is not None
        raise UsageError(option, what if is_needed else f"{what}; omit the option for none", value)
    if parameter.marker(Pairs) and isinstance(value, str) and not value.lstrip().startswith("{"):
        value = _pairs(value, option)
    try:
        found = _fit(value, parameter.annotation)
    except _Misfit as misfit:
        raise UsageError(option, misfit.expected, value) from None
    bounds = parameter.marker(Within)
    if bounds and isinstance(found, int | float):
        if found < bounds.least:
            raise UsageError(option, f"at least {bounds.least:g}", found)
        if found > bounds.most:
            raise UsageError(option, f"at most {bounds.most}", found)
    return str(Path(found).expanduser()) if path and isinstance(found, str) else found


def _pairs(text: str, option: str) -> dict[str, str] | None:
    if text.lower() in NONE:
        return None
    parts = [part.rpartition("=") for part in text.split(",")]
    if not all(name.strip() and value.strip() for name, _, value in parts):
        raise UsageError(option, "name=value,name=value", text)
    return {name.strip(): value.strip() for name, _, value in parts}


def in_words(annotation: Any) -> str:
    """What a type asks for."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return in_words(arguments[0])
    if origin in (Union, UnionType):
        # None stands last, and a class that no text can give (a tensor) not at all.
        members = sorted(arguments, key=lambda member: member is NoneType)
        return " or ".join(dict.fromkeys(filter(None, map(in_words, members))))
    if origin is Literal:
        names = [
            str(choice).lower() if choice in (True, False) else str(choice) for choice in arguments
        ]
        return names[0] if len(names) == 1 else f"one of {', '.join(names)}"
    if (origin or annotation) in LISTS:
        items = {in_words(item) for item in arguments if item is not Ellipsis} or {"values"}
        return f"a list such as {EXAMPLES.get(items.pop(), '[a, b]')}"
    if (origin or annotation) in (dict, Mapping):
        return "a mapping such as {name: 1.0}"
    return WORDS.get(annotation, "")


WORDS = {
    NoneType: "none",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    Any: "a value",
}
EXAMPLES = {"a whole number": "[1, 2]", "a number": "[0.5, 1.0]"}


def _fit(value: Any, annotation: Any) -> Any:
    """The value as a type asks for it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _fit(value, arguments[0])
    if origin in (Union, UnionType):
        return _fit_one(value, annotation)
    if origin is Literal:
        return _fit_literal(value, annotation)
    if (origin or annotation) in LISTS:
        return _fit_list(value, annotation)
    if (origin or annotation) in (dict, Mapping):
        read = _flow(value) if isinstance(value, str) else value
        if not isinstance(read, dict):
            raise _Misfit(in_words(annotation))
        item = arguments[1] if arguments else Any
        return {_fit(key, str): _fit(entry, item) for key, entry in read.items()}
    if annotation is Any:
        return _flow(value) if isinstance(value, str) else value
    fit = FITS.get(annotation)
    if fit is None:  # a class: no text makes one
        raise _Misfit("nothing here")
    return fit(value)


def _fit_one(value: Any, union: Any) -> Any:
    members = get_args(union)
    ranks = {member: ORDER.index(member) for member in members if member in ORDER}
    told = ""
    for member in sorted(members, key=lambda m: ranks.get(get_origin(m) or m, 9 + (m is str))):
        try:
            return _fit(value, member)
        except _Misfit as misfit:
            told = misfit.expected if misfit.expected.startswith("a finite") else told
    raise _Misfit(f"{told} or none" if told and NoneType in members else told or in_words(union))


def _fit_literal(value: Any, annotation: Any) -> Any:
    for choice in get_args(annotation):
        if value == choice and type(value) is type(choice):
            return choice
        if (
            isinstance(value, str)
            and isinstance(choice, bool)
            and value.lower() == str(choice).lower()
        ):
            return choice
    raise _Misfit(in_words(annotation))


def _fit_list(value: Any, annotation: Any) -> Any:
    kind, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if isinstance(value, str):
        value = _flow(value) if value.lstrip().startswith("[") else [value]
    if not isinstance(value, list | tuple):
        value = [value]
    fixed = kind is tuple and arguments and arguments[-1] is not Ellipsis
    if fixed and len(value) != len(arguments):
        raise _Misfit(f"a list of {len(arguments)}")
    types = arguments if fixed else [arguments[0] if arguments else Any] * len(value)
    try:
        items = [_fit(item, item_type) for item, item_type in zip(value, types, strict=True)]
    except _Misfit:
        raise _Misfit(in_words(annotation)) from None
    return tuple(items) if kind is tuple else items


def _fit_none(value: Any) -> None:
    if value is None or (isinstance(value, str) and value.lower() in NONE):
        return
    raise _Misfit("none")


def _fit_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _Misfit("true or false")


def _fit_int(value: Any) -> int:
    if type(value) is int:
        return value
    # A bound on the digits: Python refuses to read more than some thousands.
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,30}", value.strip()):
        return int(value)
    raise _Misfit("a whole number")


def _fit_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Misfit("a number")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise _Misfit("a number") from None
    if not math.isfinite(number):
        raise _Misfit("a finite number")
    return number


def _fit_str(value: Any) -> str:
    if not isinstance(value, str):
        raise _Misfit("text")
    return value


def _fit_path(value: Any) -> Path:
    return Path(_fit_str(value)).expanduser()


FITS: dict[Any, Callable[[Any], Any]] = {
    NoneType: _fit_none,
    bool: _fit_bool,
    int: _fit_int,
    float: _fit_float,
    str: _fit_str,
    Path: _fit_path,
}


def _flow(text: str) -> Any:
    """Text as YAML, whose lists and mappings stand in brackets."""
    from pyrovae.specifications import parse_yaml  # loads torch

    try:
        return parse_yaml(text, "value")
    except ValueError:
        raise _Misfit("a value in YAML, such as [1, 2] or {a: 1}") from None
