"""Whether values are of the types that a signature declares, and constructors that look."""

import inspect
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from numbers import Number
from typing import Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

__all__ = ["Declared", "fits", "in_words", "type_hints"]

FEW = 3  # choices that are read without an introduction
_UNIONS = (Union, types.UnionType)
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_PLURALS = {"a whole number": "whole numbers", "a number": "numbers", "text": "texts"}
_PACKAGE = __name__.partition(".")[0]


class Declared:
    """A base of classes whose constructors are given what their annotations say.

    Each constructor of a subclass that this package defines looks at its arguments before it
    runs, also where a subclass of somebody else's calls it. What an annotation does not say (a
    range, a length) is left for the constructor.

    Raises:
        ValueError: If an argument is of another type. It says which one, what was expected and
            what was given.
    """

    #: What runs around each constructor.
    _around: ClassVar[Callable[[], AbstractContextManager[object]]] = nullcontext

    def __init_subclass__(cls, **options: Any) -> None:
        """Puts the look at the arguments before the class's own constructor, if it has one."""
        super().__init_subclass__(**options)
        init = vars(cls).get("__init__")
        if init is not None and cls.__module__.partition(".")[0] == _PACKAGE:
            cls.__init__ = _looking(init)  # type: ignore[method-assign]


def type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function, resolved; none where one of them does not resolve."""
    try:
        return get_type_hints(function)
    except (NameError, TypeError, AttributeError):
        return {}


def fits(value: Any, annotation: Any) -> bool:
    """Whether a value is of an annotation, as far as that says.

    Whole numbers are numbers, and any sequence but a text is a sequence.
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in _UNIONS:
        return any(fits(value, item) for item in inner)
    if origin is Literal:
        return any(type(value) is type(item) and value == item for item in inner)
    if annotation is None:
        return value is None
    if annotation is int:
        # NumPy's are none: a checkpoint could not hold them.
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation is float:
        return fits(value, int) or isinstance(value, float)
    kind = origin or annotation
    if kind is Any or not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True  # says nothing of the value's class
    if kind is tuple or (issubclass(kind, Sequence) and kind is not str):
        return _is_sequence(value) and _items_fit(value, kind, inner)
    if isinstance(value, Mapping) and len(inner) == 2:
        return isinstance(value, kind) and all(
            fits(key, inner[0]) and fits(item, inner[1]) for key, item in value.items()
        )
    return isinstance(value, kind)


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _items_fit(value: Any, kind: type, inner: tuple[Any, ...]) -> bool:
    if kind is tuple and inner and inner[-1] is not Ellipsis:
        return len(value) == len(inner) and all(map(fits, value, inner))
    return all(fits(item, inner[0]) for item in value if inner)


def in_words(annotation: Any) -> str:
    """What an annotation asks for, as a message says it."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in _UNIONS:
        return " or ".join(dict.fromkeys(map(in_words, inner)))
    if origin is Literal:
        words = list(map(repr, inner))
        return " or ".join(words) if len(words) < FEW else f"one of {', '.join(words)}"
    if annotation is None or annotation is type(None):
        return "none"
    kind = origin or annotation
    if kind in _WORDS:
        return _WORDS[kind]
    if kind is Callable:
        return "a function"
    if not isinstance(kind, type):
        return "a value"
    if issubclass(kind, Mapping):
        return f"a mapping to {in_words(inner[1])}" if len(inner) > 1 else "a mapping"
    if issubclass(kind, Sequence):
        item = in_words(inner[0]) if inner else "values"
        return f"a list of {_PLURALS.get(item, item)}"
    return f"a {_public_name(kind)}"


def _public_name(cls: type) -> str:
    """Where a class is imported from: the package that exports it, if one does."""
    parent = cls.__module__.rpartition(".")[0]
    exported = getattr(sys.modules.get(parent), cls.__name__, None) is cls
    module = parent if exported else cls.__module__
    return cls.__name__ if module == "builtins" else f"{module}.{cls.__name__}"


def _looking(init: Callable[..., None]) -> Callable[..., None]:
    signature = inspect.signature(init)
    hints: dict[str, Any] | None = None  # resolved when they are needed: a class may come later

    @wraps(init)
    def looking(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal hints
        if hints is None:
            hints = type_hints(init)
        try:
            bound = signature.bind(self, *args, **kwargs).arguments
        except TypeError:  # too few or unknown arguments, which Python itself says better
            bound = {}
        for name, value in bound.items():
            parameter = signature.parameters[name]
            single = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            if single and name in hints and value is not parameter.default:
                _check(name, value, hints[name])
        with type(self)._around():
            init(self, *args, **kwargs)

    return looking


def _check(name: str, value: Any, annotation: Any) -> None:
    if fits(value, annotation):
        return
    inner = get_args(annotation)
    if _is_sequence(value) and get_origin(annotation) is Sequence and inner:
        for i, item in enumerate(value):
            _check(f"{name}[{i}]", item, inner[0])
    raise ValueError(f"{name}: expected {in_words(annotation)}, got {_given(value)}")


def _given(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__} itself: make one, {value.__name__}(...)"
    if value is None or isinstance(value, Number | str | bytes):
        text = repr(value)
        return text if len(text) < 100 else f"{text[:100]}..."
    return type(value).__name__
