"""The arguments of a class: their names, what they may be, and which of them are classes, too."""

import difflib
import inspect
from collections.abc import Sequence
from typing import get_args, get_origin

from pyrovae.declared import fits, in_words, type_hints
from pyrovae.specifications.plain import shown

__all__ = ["check_names", "check_value", "nested_bases", "parameters_of"]

_PLAIN = (bool, int, float, str)


def parameters_of(cls: type) -> dict[str, inspect.Parameter]:
    """A constructor's parameters by name, those that it passes on to its base's included."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        hints = type_hints(vars(base)["__init__"])
        for parameter in parameters:
            if parameter.kind in named:
                annotation = hints.get(parameter.name, parameter.annotation)
                if annotation is parameter.empty and type(parameter.default) in _PLAIN:
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
    if not fits(value, annotation):
        raise ValueError(f"{where}: expected {in_words(annotation)}, got {shown(value)}")
