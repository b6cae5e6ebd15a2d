"""The classes that options name: what a person gives them, and all that they are made with."""

import math
from collections.abc import Collection
from importlib import import_module
from typing import Any

from pyrovae.cli.options import Spec
from pyrovae.cli.signatures import REQUIRED, Parameter, class_parameters
from pyrovae.specifications import PLAIN_TYPES, Slot, find_class

__all__ = ["asked_for", "complete", "plain", "whole"]

#: What only the data or another part can know: `pyrovae.build` fills it in.
SUPPLIED = frozenset(
    {
        "latent_features",
        "data_shape",
        "columns",
        "posterior",
        "pseudo_inputs",
        "exemplars",
        "network",
        "in_shape",
        "out_shape",
    }
)
# To whose classes nothing is supplied.
FREE = ("objective", "beta", "optimizer", "adversary_optimizer", "scheduler")
PARTS = frozenset({"prior", "posterior", "likelihood", "encoder", "network", "latent_features"})


def complete(spec: Spec, slot: Slot, *, allow: Collection[str] = ()) -> dict[str, Any]:
    """A specification with the defaults of its class written out."""
    cls = find_class(spec["class_path"], slot, allow=allow)
    return whole(cls, dict(spec.get("init_args") or {}), slot, spec["class_path"])


def asked_for(cls: type, slot: Slot) -> dict[str, Parameter]:
    """The arguments of a class that a person gives, the others being supplied."""
    found = class_parameters(cls)
    if slot.factory:
        found.pop(next(iter(found)), None)
    if slot.name in FREE:
        return found
    supplied = PARTS if slot.name == "model" else SUPPLIED
    return {name: p for name, p in found.items() if name not in supplied}


def whole(cls: type, given: dict[str, Any], slot: Slot, named: str) -> dict[str, Any]:
    """A specification with the defaults written out, so that it says all there is to say."""
    known = class_parameters(cls)
    defaults = {
        name: plain(parameter.default)
        for name, parameter in asked_for(cls, slot).items()
        if parameter.default is not REQUIRED and _is_plain(parameter.default)
    }
    path = f"{cls.__module__}.{cls.__qualname__}"
    for home in slot.homes:
        if getattr(import_module(home), cls.__name__, None) is cls:
            path = f"{home}.{cls.__name__}"
            break
    else:
        path = named if "." in named else path
    order = [name for name in known if name in defaults or name in given]
    return {"class_path": path, "init_args": {n: given.get(n, defaults.get(n)) for n in order}}


def _is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    # A file says no number that is not finite.
    return type(value) in PLAIN_TYPES and (type(value) is not float or math.isfinite(value))


def plain(value: Any) -> Any:
    """A value as a file has it: lists for tuples."""
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
