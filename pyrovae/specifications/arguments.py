"""The arguments of a class: their names, what they may be, and which of them are classes, too."""

import difflib
import inspect
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pyrovae.specifications.plain import shown

__all__ = ["check_names", "check_value", "nested_bases", "parameters_of"]

_UNIONS = (Union, types.UnionType)
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def parameters_of(cls: type) -> dict[str, inspect.Parameter]:
    """A constructor's parameters by name, those that it passes on to its base's included."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        hints = _hints(base)
        for parameter in parameters:
            if parameter.kind in named:
                annotation = hints.get(parameter.name, parameter.annotation)
                if annotation is parameter.empty and type(parameter.default) in _WORDS:
                    annotation = type(parameter.default)  # as Pyro's estimators leave it
                found.setdefault(parameter.name, parameter.replace(annotation=annotation))
        if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
            break
    return found


def check_names(cls: type, names: Sequence[str], where: str) -> None:
    """Looks whether a constructor takes arguments of these names.

    Raises:
        ValueError: If it does not take one. The nearest names are given.
    """
    known = parameters_of(cls)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise ValueError(
                f"{where}: {cls.__name__} has no argument {shown(name)}, {takes}{hint}"
            )


def nested_bases(annotation: object) -> tuple[type, ...]:
    """The classes in an annotation, of which an argument may itself be a specification."""
    if get_origin(annotation) is not None:
        found = [base for item in get_args(annotation) for base in nested_bases(item)]
        return tuple(dict.fromkeys(found))
    plain = (bool, int, float, str, type(None), list, tuple, dict, object)
    known = isinstance(annotation, type) and annotation not in plain
    return (annotation,) if known else ()  # type: ignore[return-value]


def check_value(value: object, annotation: object, where: str) -> None:
    """Looks whether a plain value is of an argument's annotation, as far as that says.

    Whole numbers are numbers and lists are sequences. What is no annotation of plain values is
    left for the class itself to refuse.

    Raises:
        ValueError: If it is not. What was expected is said in words.
    """
    if not _fits(value, annotation):
        raise ValueError(f"{where}: expected {_words(annotation)}, got {shown(value)}")


def _fits(value: Any, annotation: Any) -> bool:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in _UNIONS:
        return any(_fits(value, item) for item in inner)
    if origin is Literal:
        return any(type(value) is type(item) and value == item for item in inner)
    if annotation is None or annotation is type(None):
        return value is None
    if annotation is float:
        return type(value) in (int, float)
    if annotation in (bool, int, str):
        return type(value) is annotation
    kind = origin or annotation
    if kind is tuple:
        sizes = inner and inner[-1] is not Ellipsis
        items = inner if sizes else [inner[0]] * len(value) if inner and _listed(value) else None
        return _listed(value) and (
            items is None or (len(items) == len(value) and all(map(_fits, value, items)))
        )
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return type(value) is dict and (
            len(inner) < 2 or all(_fits(item, inner[1]) for item in value.values())
        )
    if isinstance(kind, type) and issubclass(kind, Sequence):
        return _listed(value) and all(_fits(item, inner[0]) for item in value if inner)
    # A class of another kind: a plain value is none, but an untyped argument may be anything.
    return not isinstance(kind, type) or kind is object


def _listed(value: object) -> bool:
    return type(value) in (list, tuple)


def _words(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in _UNIONS:
        return " or ".join(dict.fromkeys(map(_words, inner)))
    if origin is Literal:
        return "one of " + ", ".join(map(repr, inner))
    if annotation is None or annotation is type(None):
        return "null"
    kind = origin or annotation
    if kind in _WORDS:
        return _WORDS[kind]
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return f"a mapping to {_words(inner[1])}" if len(inner) > 1 else "a mapping"
    if isinstance(kind, type) and (issubclass(kind, Sequence)):
        plural = {"a whole number": "whole numbers", "a number": "numbers", "text": "texts"}
        item = _words(inner[0]) if inner else "values"
        return f"a list of {plural.get(item, item)}"
    return f"a {kind.__name__}" if isinstance(kind, type) else "a value"


def _hints(base: type) -> dict[str, Any]:
    try:
        return get_type_hints(vars(base)["__init__"])
    except (
        NameError,
        TypeError,
        AttributeError,
    ):  # an annotation that does not resolve says nothing
        return {}
