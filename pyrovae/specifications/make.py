"""From a specification ``{"class_path": ..., "init_args": {...}}`` to what it describes."""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from pyrovae.specifications.arguments import (
    check_names,
    check_value,
    nested_bases,
    parameters_of,
)
from pyrovae.specifications.classes import find_class
from pyrovae.specifications.plain import check_plain, shown
from pyrovae.specifications.slots import SLOTS, Slot

__all__ = [
    "Spec",
    "arguments_of",
    "check_spec",
    "instantiate",
    "nested_slot",
    "network_shape",
]

Spec: TypeAlias = Mapping[str, Any]

#: A value that only others know, or what gives it when it is asked for.
Known: TypeAlias = Mapping[str, Any]
Within: TypeAlias = Callable[[type, dict[str, Any]], Known | None]


def check_spec(
    spec: object, slot: Slot, *, allow: Collection[str] = (), where: str | None = None
) -> type:
    """Looks whether a value is a specification of a class that may stand in a slot.

    Its arguments must be plain values of the types that the class declares, or, where it
    declares a part, an objective or a schedule, specifications of these. Everything else is
    refused, before anything is imported that is neither trusted in its slot nor allowed.

    Args:
        spec: The name of a class, or a mapping with ``class_path`` and perhaps ``init_args``.
        slot: The place it is for.
        allow: Packages, by name, whose classes may be imported, too.
        where: What to call it in a message; the slot's name if left out.

    Returns:
        The class.

    Raises:
        ValueError: If it is not. The place is named.
    """
    where = where or slot.name
    class_path, init_args = _parts(spec, where)
    cls = find_class(class_path, replace(slot, name=where), allow=allow)
    check_names(cls, list(init_args), where)
    parameters = parameters_of(cls)
    for name, value in init_args.items():
        annotation = parameters[name].annotation
        _check_argument(value, annotation, allow, f"{where}.{name}")
    return cls


def instantiate(
    spec: object,
    slot: Slot,
    *,
    allow: Collection[str] = (),
    where: str | None = None,
    known: Known | None = None,
) -> Any:
    """Makes what a specification describes, once `check_spec` finds nothing to say.

    Args:
        spec: The specification.
        slot: The place it is for.
        allow: Packages whose classes may be imported, too.
        where: What to call it in a message.
        known: Values that only others know (shapes, networks, the posterior), by the names of the
            arguments they are for. A class whose signature names one gets it. A function in it is
            called for the value.

    Returns:
        The object; for a slot of factories, a function of the one argument still to come.

    Raises:
        ValueError: If it is no such specification, an argument is missing, or the class refuses
            one.
    """
    where = where or slot.name
    cls = check_spec(spec, slot, allow=allow, where=where)
    _, init_args = _parts(spec, where)
    parameters = parameters_of(cls)
    given = [name for name in init_args if name in (known or {})]
    if given:
        raise ValueError(
            f"{where}.{given[0]}: expected it to be omitted, because it follows from the data or "
            "from another part"
        )
    arguments: dict[str, Any] = {
        name: value() if inspect.isfunction(value) else value
        for name, value in (known or {}).items()
        if name in parameters
    }
    for name, value in init_args.items():
        inner = nested_slot(parameters[name].annotation)
        within = _known_within(cls, name, known)
        arguments[name] = _make(value, inner, allow, f"{where}.{name}", within)
    missing = [
        name
        for name, parameter in list(parameters.items())[1 if slot.factory else 0 :]
        if parameter.default is parameter.empty and name not in arguments
    ]
    if missing:
        raise ValueError(f"{where}: {cls.__name__}: expected a value for {', '.join(missing)}")
    if slot.factory:
        return partial(_call, cls, where, arguments)
    return _call(cls, where, arguments)


def arguments_of(spec: object) -> dict[str, Any]:
    """The arguments that a specification gives.

    Raises:
        ValueError: If it is no specification.
    """
    return _parts(spec, "specification")[1]


def network_shape(
    spec: object,
    slot: Slot,
    *,
    allow: Collection[str] = (),
    given: Known | None = None,
    where: str | None = None,
) -> Callable[[Any], Any]:
    """Returns the class's `network_shape` with its options bound, also those of nested parts.

    Args:
        spec: The part's specification.
        slot: The place it is for.
        allow: Packages whose classes may be imported, too.
        given: Arguments that it and those within it get besides their own.
        where: What to call it in a message; the slot's name if left out.

    Raises:
        ValueError: If it is no such specification, or lacks a part of its own kind.
    """
    where = where or slot.name
    cls: Any = check_spec(spec, slot, allow=allow, where=where)
    return partial(cls.network_shape, **_said_within(cls, spec, slot, allow, given or {}, where))


def _said_within(
    cls: type, spec: object, slot: Slot, allow: Collection[str], given: Known, where: str
) -> dict[str, Any]:
    """Returns a part's arguments, with the `network_shape` of nested parts of the same kind."""
    options = arguments_of(spec)
    for name, parameter in parameters_of(cls).items():
        inner, value = f"{where}.{name}", options.get(name)
        is_needed = parameter.annotation is slot.base() and parameter.default is parameter.empty
        if is_needed and value is None:
            kind = slot.base().__name__
            raise ValueError(
                f"{where}: {cls.__name__}: expected a value for {name}: name a {kind} with --{inner}"
            )
        place = nested_slot(parameter.annotation)
        if place is not None and place.base() is slot.base() and _is_spec(value):
            options[name] = network_shape(value, place, allow=allow, given=given, where=inner)
    return options | dict(given)


def nested_slot(annotation: object) -> Slot | None:
    """The slot for a specification in the place of an argument, if its annotation names one."""
    for base in nested_bases(annotation):
        for name in ("component", "objective", "beta"):
            if issubclass(base, SLOTS[name].base()):
                slot = SLOTS[name]
                alike = next((s for s in SLOTS.values() if s.homes and s.base() is base), slot)
                return replace(
                    slot,
                    base=lambda base=base: base,  # type: ignore[misc]
                    homes=alike.homes[:1],
                    refused=alike.refused,
                )
    return None


def _call(cls: Callable[..., Any], where: str, arguments: dict[str, Any], *first: Any) -> Any:
    name = getattr(cls, "__name__", str(cls))
    try:
        return cls(*first, **arguments)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    except (TypeError, RuntimeError, ArithmeticError, AttributeError, LookupError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{where}: {name} cannot be constructed with these arguments: {reason}"
        ) from error


def _make(
    value: Any, slot: Slot | None, allow: Collection[str], where: str, within: Within
) -> Any:
    if slot is not None and _is_spec(value):
        cls = check_spec(value, slot, allow=allow, where=where)
        known = within(cls, _said_within(cls, value, slot, allow, {}, where))
        return instantiate(value, slot, allow=allow, where=where, known=known)
    if slot is not None and isinstance(value, list):
        return [_make(item, slot, allow, f"{where}[{i}]", within) for i, item in enumerate(value)]
    return value


def _known_within(cls: type, argument: str, known: Known | None) -> Within:
    """What is known to the class of a part: what is known to the whole, unless this says else."""
    says = getattr(cls, "known_within", None)

    def within(part: type, options: dict[str, Any]) -> Known | None:
        if says is None or known is None:
            return known
        found: Known = says(argument, part, options, known)
        return found

    return within


def _check_argument(value: Any, annotation: Any, allow: Collection[str], where: str) -> None:
    slot = nested_slot(annotation)
    if _is_spec(value):
        if slot is None:
            raise ValueError(f"{where}: expected a plain value, got a specification of a class")
        check_spec(value, slot, allow=allow, where=where)
    elif slot is not None and isinstance(value, list) and any(map(_is_spec, value)):
        for i, item in enumerate(value):
            check_spec(item, slot, allow=allow, where=f"{where}[{i}]")
    else:
        check_plain(value, where)
        if _holds_spec(value):
            raise ValueError(f"{where}: expected a plain value, got a specification of a class")
        if annotation is not inspect.Parameter.empty:
            check_value(value, annotation, where)


def _holds_spec(value: Any) -> bool:
    """Whether a specification stands anywhere in a plain value: nothing would make it."""
    items = value.values() if isinstance(value, dict) else value
    held = isinstance(value, dict | list | tuple) and any(map(_holds_spec, items))
    return held or _is_spec(value)


def _is_spec(value: object) -> bool:
    return type(value) is dict and ("class_path" in value or "init_args" in value)


def _parts(spec: object, where: str) -> tuple[str, dict[str, Any]]:
    """A specification's class and arguments, whose values are still to be looked at."""
    if type(spec) is str:
        return spec, {}
    mapping = dict(spec) if isinstance(spec, Mapping) else {}
    class_path, init_args = mapping.pop("class_path", None), mapping.pop("init_args", None)
    if type(class_path) is not str or mapping or not isinstance(init_args, dict | None):
        raise ValueError(
            f"{where}: expected a class's name, or a mapping of class_path and init_args, "
            f"got {shown(spec)}"
        )
    return class_path, dict(init_args or {})
