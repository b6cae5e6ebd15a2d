"""Comparing a component with one made from its description."""

from typing import Any, NamedTuple

from torch import nn
from torch.nn.utils.parametrize import type_before_parametrizations

from pyrovae.component import Component
from pyrovae.specifications.arguments import parameters_of
from pyrovae.specifications.plain import PLAIN_TYPES

__all__ = ["Difference", "differences"]

# What these say of themselves is no setting: lists of parameters name precision and device.
SILENT = (Component, nn.ParameterList, nn.ParameterDict)


class Difference(NamedTuple):
    """Something that a component's description does not give.

    Attributes:
        where: The part, by the way to it from the component.
        what: What is there, in words.
        component: The part that has an attribute other than it was made with, if that is it.
        argument: The attribute's name, which is that of the constructor's argument.
        value: Its value now.
    """

    where: str
    what: str
    component: Component | None = None
    argument: str | None = None
    value: Any = None


def differences(model: nn.Module, twin: nn.Module) -> list[Difference]:
    """What a component has that the twin made from its description does not have.

    Compared are the modules in both by name and class, what torch's own layers say of themselves
    (a share of dropout, a kernel's size), parameters and buffers by name and shape, hooks, and
    attributes that bear the name of a constructor's argument.

    Returns:
        The differences; of attributes only where all else is the same.
    """
    mine, theirs = (dict(m.named_modules(remove_duplicate=False)) for m in (model, twin))
    found = []
    for name in dict.fromkeys([*mine, *theirs]):
        where = name or type(model).__name__
        a, b = mine.get(name), theirs.get(name)
        if a is None or b is None:
            what = f"it has {'no' if a is None else 'a'} part of this name"
            found.append(Difference(where, what))
        # Each layer with a parametrization has a class of its own.
        elif type_before_parametrizations(a) is not type_before_parametrizations(b):
            found.append(Difference(where, f"it is a {type(a).__name__} now"))
        elif not isinstance(a, SILENT) and a.extra_repr() != b.extra_repr():
            found.append(Difference(where, f"it is {a!r} now"))
        elif _hooks(a) != _hooks(b):
            found.append(Difference(where, "it has hooks"))
        elif (odd := _shapes(a, b)) is not None:
            found.append(Difference(f"{name}.{odd}" if name else odd, "its shape is another now"))
    if found:
        return found
    for name, part in mine.items():
        if isinstance(part, Component):
            found += _attributes(name or type(model).__name__, part, theirs[name])
    return found


def _attributes(where: str, part: Component, other: nn.Module) -> list[Difference]:
    found = []
    for name in parameters_of(type(part)):
        if name in vars(part) and name in vars(other):
            a, b = vars(part)[name], vars(other)[name]
            if _plain(a) and _plain(b) and _listed(a) != _listed(b):
                what = f"its {name} is {a!r} now"
                found.append(Difference(where, what, part, name, _listed(a)))
    return found


def _plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return isinstance(value, PLAIN_TYPES)


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _hooks(module: nn.Module) -> list[int]:
    return [
        len(hooks)
        for hooks in (
            module._forward_hooks,
            module._forward_pre_hooks,
            module._backward_hooks,
            module._backward_pre_hooks,
        )
    ]


def _shapes(a: nn.Module, b: nn.Module) -> str | None:
    """The first parameter or buffer that the two do not share by name and shape."""
    for mine, theirs in ((a._parameters, b._parameters), (_saved(a), _saved(b))):
        for name in dict.fromkeys([*mine, *theirs]):
            shapes = [None if (t := d.get(name)) is None else t.shape for d in (mine, theirs)]
            if shapes[0] != shapes[1]:
                return name
    return None


def _saved(module: nn.Module) -> dict[str, Any]:
    left_out = module._non_persistent_buffers_set
    return {name: value for name, value in module._buffers.items() if name not in left_out}
