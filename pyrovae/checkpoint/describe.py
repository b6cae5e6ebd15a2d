"""Saying how a component is made, as it is now."""

from typing import Any

import torch
from torch import Tensor, nn

from pyrovae.checkpoint.rebuild import rebuild
from pyrovae.checkpoint.twin import Difference, differences
from pyrovae.component import Component
from pyrovae.specifications.plain import PLAIN_TYPES

__all__ = ["describe"]

ELSE = "save its state_dict and load(path, model=...)"


def describe(model: Component) -> list[dict[str, Any]]:
    """Says how a component is made: one entry for each component in it, the parts first.

    An entry is ``{"class_path": ..., "init_args": {...}}``. An argument that is a component is
    ``{"component": index}``, so that one used twice stays one; a tensor is
    ``{"tensor": shape, "dtype": name}``, its values being the state dict's.

    What is described is what is there now: a part that was replaced in place is described as the
    new one, and so is a plain argument whose attribute was changed. To be sure of it the
    description is made into a twin, and the two are compared.

    Raises:
        ValueError: If an argument is none of these and no plain value, a class cannot be imported
            by its name, or the twin has other parts or layers. What differs is named.
    """
    changed: dict[int, dict[str, Any]] = {}
    entries = _Description(changed).of(model)
    found = differences(model, _twin(entries, model))
    for difference in found:
        if difference.argument is not None:
            changed.setdefault(id(difference.component), {})[difference.argument] = (
                difference.value
            )
    if changed:
        entries = _Description(changed).of(model)
        found = differences(model, _twin(entries, model))
    if found:
        raise _refusal(found[0])
    return entries


class _Description:
    """Goes through a component and its parts, each once."""

    def __init__(self, changed: dict[int, dict[str, Any]]) -> None:
        self.changed = changed
        self.entries: list[dict[str, Any]] = []
        self.seen: dict[int, int] = {}

    def of(self, model: Component) -> list[dict[str, Any]]:
        """The entries of a component and all its parts."""
        self.visit(model)
        return self.entries

    def visit(self, component: Component) -> int:
        if id(component) not in self.seen:
            cls = type(component)
            if "." in cls.__qualname__:
                raise ValueError(
                    f"{cls.__qualname__} cannot be recorded: expected a class at the top level of "
                    f"a module that can be imported; {ELSE}"
                )
            if cls.__module__ == "__main__":
                raise ValueError(
                    f"{cls.__qualname__} cannot be recorded: it is defined in the script that is "
                    "running, which other programs cannot import; move it into a module, or "
                    f"{ELSE}"
                )
            recorded = component.init_args | self.changed.get(id(component), {})
            arguments = {
                name: self.encode(
                    _now(component, name, value), f"{cls.__name__}'s argument {name!r}"
                )
                for name, value in recorded.items()
            }
            self.entries.append(
                {"class_path": f"{cls.__module__}.{cls.__qualname__}", "init_args": arguments}
            )
            self.seen[id(component)] = len(self.entries) - 1
        return self.seen[id(component)]

    def encode(self, value: Any, where: str) -> Any:
        if isinstance(value, Component):
            return {"component": self.visit(value)}
        if isinstance(value, Tensor):
            return {"tensor": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
        # A subclass, such as an enumeration's members, would be read back as code.
        if type(value) in PLAIN_TYPES:
            return value
        if isinstance(value, float):  # NumPy's float64
            return float(value)
        if isinstance(value, list | tuple):
            return [self.encode(item, where) for item in value]
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {"dict": {key: self.encode(item, where) for key, item in value.items()}}
        raise ValueError(
            f"{where} cannot be recorded: expected a component, a tensor or a plain value, "
            f"got {type(value).__name__}; {ELSE}"
        )


def _now(component: Component, name: str, recorded: Any) -> Any:
    """An argument's value: the part that stands under its name now, if it was replaced."""
    now = component._modules.get(name)
    if isinstance(recorded, Component) and isinstance(now, Component):
        return now if _replaced(now, recorded) else recorded
    parts = list(now) if isinstance(now, nn.ModuleList) else []
    listed = isinstance(recorded, list | tuple) and parts
    if listed and all(isinstance(part, Component) for part in [*recorded, *parts]):
        kept = len(parts) == len(recorded) and not any(map(_replaced, parts, recorded))
        return recorded if kept else parts
    return recorded


def _replaced(now: Any, recorded: Component) -> bool:
    # A class may put what it is given into something larger.
    return all(part is not recorded for part in now.modules())


def _twin(entries: list[dict[str, Any]], model: Component) -> Component:
    allow = {entry["class_path"].split(".")[0] for entry in entries}
    try:
        with torch.device("meta"):  # without memory, where a constructor reads no values
            return rebuild(entries, allow=allow)
    except (ValueError, NotImplementedError):
        return rebuild(entries, allow=allow)


def _refusal(found: Difference) -> ValueError:
    return ValueError(
        f"{found.where} cannot be recorded: {found.what}, which its constructor's arguments do not "
        f"give; {ELSE}"
    )
