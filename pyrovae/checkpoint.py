"""Saving and loading models, without ever running code from a file.

A file holds how each component was made (``class_path`` and ``init_args``, the command line's
format too), the state dict, and, if it was written while training, what training needs to go on.
"""

import inspect
import os
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pyrovae.component import Component, import_class
from pyrovae.files import atomic

__all__ = ["describe", "import_component", "load", "read", "rebuild", "save", "write"]

FORMAT = "pyrovae checkpoint 1"
PLAIN = (bool, int, float, str, type(None))


def save(model: Component, path: str | os.PathLike[str]) -> None:
    """Writes a model to a file: how to make it again, and its parameters and buffers.

    Args:
        model: The model, or any other component.
        path: The file; it is replaced only once the new one is whole.

    Raises:
        ValueError: If a constructor's argument cannot be recorded. The argument is named.
    """
    write(path, {"components": describe(model), "state_dict": model.state_dict()})


def load(
    path: str | os.PathLike[str],
    *,
    allow: Collection[str] = (),
    model: Any = None,
    device: torch.device | str = "cpu",
) -> Any:
    """Reads a model that `save` or training wrote.

    The file is read as data only. Classes are imported from pyrovae and from the packages that
    ``allow`` names, and have to be components.

    Args:
        path: The file.
        allow: Packages whose classes the file may name, such as ``["my_package"]``.
        model: A model to read the parameters into, for those that cannot be recorded.
        device: Where the model shall be.

    Returns:
        The model, in evaluation mode; where training kept its best weights, with these.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, names a class that is not allowed, or does not fit
            ``model``.
    """
    content = read(path)
    if model is None:
        if content["components"] is None:
            raise ValueError(
                f"{path}: it does not say how its model is made; give the model to read "
                "the parameters into, load(path, model=...)"
            )
        model = rebuild(content["components"], allow=allow)
    best = (content.get("training") or {}).get("best")
    try:
        model.load_state_dict(content["state_dict"] if best is None else best)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: the parameters do not fit the model: {reason}") from None
    return model.to(device).eval()


def write(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Writes a checkpoint's content in one move."""
    with atomic(path) as temporary:
        torch.save({"format": FORMAT, **content}, temporary)


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a checkpoint's content, as data only.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint of this library.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path}: expected a pyrovae checkpoint, but it does not read") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path}: expected a file of format {FORMAT!r}")
    return content


def describe(model: Component) -> list[dict[str, Any]]:
    """Says how a component is made: one entry for each component in it, the parts first.

    An entry is ``{"class_path": ..., "init_args": {...}}``. An argument that is a component is
    ``{"component": index}``, so that one used twice stays one; a tensor is
    ``{"tensor": shape, "dtype": name}``, its values being the state dict's.

    Raises:
        ValueError: If an argument is none of these and no plain value, or a class cannot be
            imported by its name.
    """
    entries: list[dict[str, Any]] = []
    seen: dict[int, int] = {}

    def visit(component: Component) -> int:
        if id(component) not in seen:
            cls = type(component)
            if "." in cls.__qualname__:
                raise ValueError(
                    f"{cls.__qualname__} cannot be recorded: expected a class at the top of its "
                    "module, where it can be imported from; save its state_dict and "
                    "load(path, model=...)"
                )
            where = f"{cls.__name__}'s argument"
            arguments = {
                name: encode(value, f"{where} {name!r}")
                for name, value in component.init_args.items()
            }
            entries.append(
                {"class_path": f"{cls.__module__}.{cls.__qualname__}", "init_args": arguments}
            )
            seen[id(component)] = len(entries) - 1
        return seen[id(component)]

    def encode(value: Any, where: str) -> Any:
        if isinstance(value, Component):
            return {"component": visit(value)}
        if isinstance(value, Tensor):
            return {"tensor": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
        # A subclass, such as an enumeration's members, would be read back as code.
        if type(value) in PLAIN:
            return value
        if isinstance(value, float):  # NumPy's float64
            return float(value)
        if isinstance(value, list | tuple):
            return [encode(item, where) for item in value]
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {"dict": {key: encode(item, where) for key, item in value.items()}}
        raise ValueError(
            f"{where} cannot be recorded: expected a component, a tensor or a plain value, "
            f"got {type(value).__name__}; save its state_dict and load(path, model=...)"
        )

    visit(model)
    return entries


def rebuild(entries: list[dict[str, Any]], *, allow: Collection[str] = ()) -> Component:
    """Makes the component that `describe` described, with parameters still to be read."""
    built: list[Component] = []

    def decode(value: Any) -> Any:
        if isinstance(value, list):
            return [decode(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "component" in value:
            return built[value["component"]]
        if "tensor" in value:
            # One number, expanded: the place of a whole data set costs no memory.
            return torch.zeros((), dtype=getattr(torch, value["dtype"])).expand(value["tensor"])
        return {key: decode(item) for key, item in value["dict"].items()}

    # Constructors draw initial parameters; the caller's random numbers stay as they were.
    with torch.random.fork_rng(devices=[]):
        for entry in entries:
            cls = import_component(entry["class_path"], allow=allow)
            built.append(_make(cls, {name: decode(v) for name, v in entry["init_args"].items()}))
    return built[-1]


def _make(cls: type[Component], init_args: dict[str, Any]) -> Component:
    """Calls a class with recorded arguments, those of ``*args`` and ``**kwargs`` in their place."""
    signature = inspect.signature(cls.__init__)
    arguments = dict.fromkeys(list(signature.parameters)[:1]) | {
        name: value for name, value in init_args.items() if name in signature.parameters
    }
    extra = {name: value for name, value in init_args.items() if name not in arguments}
    bound = inspect.BoundArguments(signature, OrderedDict(arguments))
    try:
        return cls(*bound.args[1:], **bound.kwargs, **extra)
    except TypeError as error:
        name = f"{cls.__module__}.{cls.__qualname__}"
        raise ValueError(f"{name}: it is not made from what was recorded: {error}") from error


def import_component(class_path: str, *, allow: Collection[str] = ()) -> type[Component]:
    """Imports a component's class, from pyrovae or a package that the caller allows.

    Raises:
        ValueError: If the package is not allowed, or the class does not exist or is no component.
    """
    package = class_path.split(".")[0]
    if package not in {"pyrovae", *allow}:
        raise ValueError(
            f"{class_path}: the package {package!r} is not allowed; "
            f"if you trust it, allow it by name (allow=[{package!r}], --allow {package})"
        )
    return import_class(class_path)
