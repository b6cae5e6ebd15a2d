"""What the code of some objects reads beside their attributes."""

import hashlib
import inspect
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor

from pyrovae.compilation.identity import Identity
from pyrovae.compilation.numbers import NAMED, PLAIN

__all__ = ["read_by_code"]

# Code that does not change while a process runs.
LIBRARIES = {"numpy", "pyro", "pyrovae", "scipy", "torch", "torchvision", *sys.stdlib_module_names}
MOST = 1000  # entries of a list or a dict: a larger one is a table, or data
Met = tuple[str, Any, frozenset[str]]  # where, what, and the names that the code there reads


def read_by_code(objects: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The code of some objects, and the plain values that it reads by name.

    Of the methods of their classes, and of the functions that these name: the code itself,
    defaults, what is closed over, global variables, attributes of classes, and of global objects
    those that the code names. Of arrays a digest, of tensors which ones they are. The code of
    torch, Pyro, this library and Python's own is not looked at.

    Args:
        objects: The objects, and where each was met.

    Returns:
        Values by where they were met; nothing in them holds an object.
    """
    found: dict[str, Any] = {}
    seen: set[tuple[int, frozenset[str]]] = set()
    none = frozenset[str]()
    waiting: list[Met] = []
    for path, item in objects:
        if _is_array(item) or isinstance(item, types.FunctionType):
            waiting.append((path, item, none))
        elif not isinstance(item, (*PLAIN, Tensor, *NAMED)):
            waiting += ((kind.__qualname__, kind, none) for kind in type(item).__mro__)
    while waiting:
        path, item, names = waiting.pop()
        if isinstance(item, types.FunctionType | type):
            names = none  # it reads names of its own
        if isinstance(item, PLAIN):
            found[path] = item
        elif isinstance(item, Tensor):
            found[path] = Identity(item)
        elif _is_array(item):
            found[path] = (item.shape, str(item.dtype), hashlib.sha256(item.tobytes()).digest())
        elif isinstance(item, NAMED) and _is_of_library(item):
            found[path] = Identity(item)
        elif (id(item), names) not in seen:
            seen.add((id(item), names))
            if isinstance(item, types.FunctionType):
                found[path] = item.__code__
            waiting += ((f"{path}.{name}", value, of) for name, value, of in _parts(item, names))
    return found


def _parts(item: Any, names: frozenset[str]) -> Iterator[Met]:
    """What is to be looked at next."""
    if isinstance(item, types.FunctionType):
        names = frozenset(_names(item.__code__))
        yield "__defaults__", item.__defaults__, names
        yield "__kwdefaults__", item.__kwdefaults__, names
        yield "__wrapped__", getattr(item, "__wrapped__", None), names
        for name, cell in zip(item.__code__.co_freevars, item.__closure__ or (), strict=True):
            yield name, _content(cell), names
        yield from ((n, item.__globals__[n], names) for n in names if n in item.__globals__)
    elif isinstance(item, type):
        own = (name for name in vars(item) if name not in ("__dict__", "__weakref__", "__doc__"))
        yield from ((name, vars(item)[name], names) for name in own)
    elif isinstance(item, list | tuple | dict) and len(item) > MOST:
        return
    elif isinstance(item, list | tuple):
        yield from ((str(i), value, names) for i, value in enumerate(item))
    elif isinstance(item, dict):
        yield from ((repr(key), value, names) for key, value in item.items())
    elif isinstance(item, staticmethod | classmethod | types.MethodType):
        yield "__func__", item.__func__, names
    elif isinstance(item, property):
        yield "fget", item.fget, names
    elif not _is_of_library(type(item)) or isinstance(item, types.ModuleType):
        for name in names:
            value = inspect.getattr_static(item, name, None)
            if value is not None:
                yield name, value, names


def _names(code: types.CodeType) -> Iterator[str]:
    """The names that code reads, of variables and of attributes."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _names(inner)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _is_array(item: Any) -> bool:
    return type(item).__module__ == "numpy" and hasattr(item, "tobytes")


def _is_of_library(item: Any) -> bool:
    if isinstance(item, types.BuiltinFunctionType):
        return True
    name = item.__name__ if isinstance(item, types.ModuleType) else item.__module__
    return str(name).partition(".")[0] in LIBRARIES
