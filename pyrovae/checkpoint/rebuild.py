"""Making the component that a description describes."""

import inspect
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from pyrovae.component import Component
from pyrovae.scope import kept_random_state
from pyrovae.specifications import SLOTS, bounded, check_plain, parameters_of, resolve
from pyrovae.specifications.arguments import nested_bases
from pyrovae.specifications.plain import shown

__all__ = ["rebuild"]

# Beside its weights a part may have constants (the masks of a flow), and it draws its first values.
SPARE_BYTES, SPARE_OPERATIONS = 64 * 2**20, 5_000


def rebuild(
    entries: object,
    *,
    allow: Collection[str] = (),
    state: Mapping[str, Tensor] | None = None,
) -> Component:
    """Makes the component that `describe` described, with parameters still to be read.

    Args:
        entries: The description, which may come from somebody else's file.
        allow: Packages whose classes it may name.
        state: The state dict that goes with it. No more memory is taken than it accounts for.

    Raises:
        ValueError: If it is no description, names a class that is not allowed or is no component,
            or describes something larger than the state dict.
    """
    check_plain(entries, "components")
    if not isinstance(entries, list) or not entries:
        raise ValueError("components: expected a list of at least one part")
    tensors = {} if state is None else state
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    built: list[Component] = []
    # Constructors draw initial parameters; the caller's random numbers stay as they were.
    with kept_random_state():
        if state is None:
            for entry in entries:
                built.append(_make_entry(entry, built, allow))
        else:
            most = SPARE_OPERATIONS + 500 * len(tensors)
            with bounded(SPARE_BYTES + 8 * size, most, "components"):
                for entry in entries:
                    built.append(_make_entry(entry, built, allow))
    return built[-1]


def _make_entry(entry: Any, built: list[Component], allow: Collection[str]) -> Component:
    where = f"components[{len(built)}]"
    if not isinstance(entry, dict) or set(entry) != {"class_path", "init_args"}:
        raise ValueError(f"{where}: expected class_path and init_args")
    class_path, init_args = entry["class_path"], entry["init_args"]
    if not isinstance(class_path, str) or not isinstance(init_args, dict):
        raise ValueError(f"{where}: expected a string as class_path and a mapping as init_args")
    cls = resolve(class_path, SLOTS["component"], allow=allow)
    parameters = parameters_of(cls)
    arguments = {}
    for name, value in init_args.items():
        if not name.isidentifier() or len(name) > 100:
            raise ValueError(f"{where}: expected an argument's name, got {shown(name)}")
        place = f"{class_path}: {name}"
        arguments[name] = _decode(value, built, place)
        if name in parameters:
            _check_kinds(arguments[name], parameters[name].annotation, place)
    return _make(cls, arguments)


def _decode(value: Any, built: list[Component], where: str) -> Any:
    if isinstance(value, list):
        return [_decode(item, built, where) for item in value]
    if not isinstance(value, dict):
        return value
    keys = set(value)
    if keys == {"component"} and type(value["component"]) is int:
        # Those before alone: a part cannot contain itself.
        if not 0 <= value["component"] < len(built):
            raise ValueError(
                f"{where}: expected an earlier part of the list, got {shown(value['component'])}"
            )
        return built[value["component"]]
    if keys == {"tensor", "dtype"}:
        return _placeholder(value["tensor"], value["dtype"], where)
    if keys == {"dict"} and isinstance(value["dict"], dict):
        return {key: _decode(item, built, where) for key, item in value["dict"].items()}
    raise ValueError(f"{where}: expected a plain value, a part or a tensor's shape")


def _placeholder(shape: Any, dtype: Any, where: str) -> Tensor:
    """One number, expanded: the place of a whole data set costs no memory."""
    kind = getattr(torch, dtype, None) if isinstance(dtype, str) else None
    sizes = isinstance(shape, list) and all(type(n) is int and 0 <= n < 2**40 for n in shape)
    if not isinstance(kind, torch.dtype) or not sizes:
        raise ValueError(
            f"{where}: expected a tensor's shape and dtype, got {shown(shape)}, {shown(dtype)}"
        )
    try:
        return torch.zeros((), dtype=kind).expand(shape)
    except RuntimeError as error:
        raise ValueError(f"{where}: expected a tensor's shape, got another") from error


def _check_kinds(value: Any, annotation: Any, where: str) -> None:
    """Looks whether parts and tensors stand where the class declares such."""
    if annotation in (inspect.Parameter.empty, Any):
        return
    expected = nested_bases(annotation)
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, Component | Tensor) and not isinstance(item, expected):
            names = " or ".join(base.__name__ for base in expected) or "plain value"
            raise ValueError(f"{where}: expected a {names}, got a {type(item).__name__}")


def _make(cls: type, init_args: dict[str, Any]) -> Component:
    """Calls a class with recorded arguments, those of ``*args`` and ``**kwargs`` in their place."""
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    arguments = dict.fromkeys(list(signature.parameters)[:1]) | {
        name: value for name, value in init_args.items() if name in signature.parameters
    }
    extra = {name: value for name, value in init_args.items() if name not in arguments}
    bound = inspect.BoundArguments(signature, OrderedDict(arguments))
    name = f"{cls.__module__}.{cls.__qualname__}"
    try:
        made: Component = cls(*bound.args[1:], **bound.kwargs, **extra)
    except ValueError as error:
        raise ValueError(f"{name}: {' '.join(str(error).split())}") from error
    except (TypeError, RuntimeError, ArithmeticError, AttributeError, LookupError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{name}: it cannot be built from what was recorded: {reason}") from error
    return made
