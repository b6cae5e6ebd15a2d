"""The numbers that objects hold in attributes, which a traced graph keeps as it met them."""

import functools
import math
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pyrovae.compilation.identity import Identity
from pyrovae.recent import Recent

__all__ = ["NAMED", "PLAIN", "Numbers", "same_values"]

PLAIN = (
    *(bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device),
    # Values, whatever their slots may keep of what was asked of them.
    *(np.generic, Decimal, Fraction, PurePath),
)
SMALL_ARRAY = 2**16  # bytes; larger ones are data rather than settings
# What every module has: its mode is looked at elsewhere, and the rest are no numbers.
OF_MODULES = frozenset(vars(nn.Module()))
NAMED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
CLOSED = (Tensor, Recent, *NAMED)
MISSING = object()


class Numbers:
    """The plain values in the attributes of some objects and of all that they hold.

    Of modules, objectives, handlers, schedules and other objects, through slots, lists, tuples,
    sets, dicts, deques, bound methods, partial functions and NumPy's arrays of up to 64 KiB; and
    which functions and classes they are. Not seen are numbers in global variables, classes,
    closures, files and clocks. Parameters and buffers are no numbers, and of other tensors those
    alone are looked at that are said to be read.

    Args:
        **roots: The objects, by what they are called in a message.
    """

    def __init__(self, **roots: Any) -> None:
        self._roots = roots
        self._read: dict[str, Tensor] = {}
        self._take()

    def read(self, tensors: Iterable[Tensor]) -> None:
        """Says which tensors in attributes a graph reads: there are to be no others in their place."""
        own = {id(tensor) for tensor in tensors}
        self._read = {path: t for path, t in self.tensors().items() if id(t) in own}
        self._look_for_tensors()

    def changed(self) -> list[str]:
        """What is another than it was: each number's path, and its values then and now.

        Quick where nothing has changed: a few microseconds a layer.
        """
        try:
            same = self._is_same()
        except (LookupError, TypeError, ValueError, RuntimeError):
            same = False  # a key is gone, or something held compares in a way of its own
        if same:
            return []
        before = self._values
        self._take()
        paths = [*before, *(path for path in self._values if path not in before)]
        differing = []
        for path in paths:
            then, now = before.get(path, MISSING), self._values.get(path, MISSING)
            if isinstance(then, tuple) and isinstance(now, tuple) and then != now:
                differing.append(f"{path} holds other numbers than it did")  # an array
            elif not _equal(then, now):
                differing.append(f"{path} was {_shown(then)} and is {_shown(now)}")
        found = self.tensors() if self._read else {}
        other = [path for path, tensor in self._read.items() if found.get(path) is not tensor]
        return [*differing, *(f"{path} is another tensor than it was" for path in other)]

    def values(self) -> dict[str, Any]:
        """The plain values by their paths, as they were met; nothing in them holds an object."""
        return dict(self._values)

    def met(self) -> Iterator[tuple[str, Any]]:
        """All objects that are looked into, or held by one that is, by their paths."""
        yield from self._roots.items()
        for path, _, items in _walk(self._roots):
            yield from ((f"{path}{name}", item) for _, name, item in items)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors in attributes, by their paths, beside parameters and buffers."""
        return {
            f"{path}{name}": item
            for path, _, items in _walk(self._roots)
            for _, name, item in items
            if isinstance(item, Tensor)
        }

    def _is_same(self) -> bool:
        """Whether all is what it was; comparing tuples looks at identity first, in C."""
        for holder, size, look, values in self._attributes:
            if len(holder) != size or look(holder) != values:
                return False
        if any(holder[key] is not tensor for holder, key, tensor in self._tensors):
            return False
        if any(getattr(holder, name, MISSING) != item for holder, name, item in self._slotted):
            return False
        for holder, key, array, content in self._arrays:
            if _held(holder, key, array) is not array or _content(array) != content:
                return False
        return all(held == items for held, items in self._lists)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Gives numbers that a block has moved their values back, if the block fails."""
        places = list(self._places)
        try:
            yield
        except BaseException:
            for holder, key, value in places:
                holder[key] = value
            raise

    def _take(self) -> None:
        self._values: dict[str, Any] = {}
        self._places: list[tuple[Any, Any, Any]] = []  # holder, key, value
        # Holder, its size, what looks up the values, and the values.
        self._attributes: list[tuple[dict[Any, Any], int, Callable[[Any], Any], Any]] = []
        self._lists: list[tuple[Any, Any]] = []
        self._slotted: list[tuple[Any, str, Any]] = []  # holder, name, value
        self._arrays: list[tuple[Any, Any, Any, Any]] = []  # holder, key, array, content
        for path, holder, items in _walk(self._roots):
            kept = []
            for key, name, item in items:
                where = f"{path}{name}"
                if isinstance(item, np.ndarray):
                    # Beside the others, since arrays compare one by one.
                    self._values[where] = _content(item)
                    self._arrays.append((holder, key, item, _content(item)))
                    continue
                if isinstance(item, PLAIN):
                    self._values[where] = item
                    if isinstance(holder, dict | list):
                        self._places.append((holder, key, item))
                elif isinstance(item, set | frozenset):
                    self._values[where] = frozenset(i for i in item if isinstance(i, PLAIN))
                    item = type(item)(item)  # it may change in place
                elif isinstance(item, NAMED):
                    self._values[where] = Identity(item)
                elif _closed(item):
                    continue
                kept.append((key, item))
            if isinstance(holder, dict):
                # Twice where there is one: the getter gives no tuple of one.
                kept = 2 * kept if len(kept) == 1 else kept
                look = itemgetter(*(key for key, _ in kept)) if kept else _nothing
                values = tuple(item for _, item in kept)
                self._attributes.append((holder, len(holder), look, values))
            elif isinstance(holder, list | deque):
                self._lists.append((holder, holder.copy()))
            elif holder is not None and not isinstance(holder, tuple):
                self._slotted += [(holder, key, item) for key, item in kept]
        self._look_for_tensors()

    def _look_for_tensors(self) -> None:
        """Where the tensors are that a graph reads; in what cannot change they need no look."""
        self._tensors: list[tuple[Any, Any, Tensor]] = []  # holder, key, tensor
        if self._read:
            for path, holder, items in _walk(self._roots):
                for key, name, item in items:
                    if f"{path}{name}" in self._read and isinstance(holder, dict | list):
                        self._tensors.append((holder, key, item))


Items = list[tuple[Any, str, Any]]  # key, what it is called, value


def _walk(roots: Mapping[str, Any]) -> Iterator[tuple[str, Any, Items]]:
    """Each holder that is reached from the roots, once: its path, itself and what it holds."""
    seen: set[int] = set()
    waiting = list(roots.items())
    while waiting:
        path, value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        for holder, items in _holders(value):
            yield path, holder, items
            for _, name, item in items:
                if not isinstance(item, (*PLAIN, set, frozenset)) and not _closed(item):
                    waiting.append((f"{path}{name}", item))


def _holders(value: Any) -> Iterator[tuple[Any, Items]]:
    """The holders of what an object holds, with their items."""
    if isinstance(value, dict):
        yield value, [(key, f"[{key!r}]", item) for key, item in value.items()]
    elif isinstance(value, list | tuple | deque):
        yield value, [(i, f"[{i}]", item) for i, item in enumerate(value)]
    elif isinstance(value, types.MethodType):
        yield None, [(None, "", value.__self__), (None, ".__func__", value.__func__)]
    elif isinstance(value, functools.partial):
        names = ("func", "args", "keywords")
        yield None, [(None, f".{name}", getattr(value, name)) for name in names]
    elif isinstance(value, nn.Module):
        own = [(k, f".{k}", v) for k, v in vars(value).items() if k not in OF_MODULES]
        yield vars(value), own
        yield value._modules, [(k, f".{k}", v) for k, v in value._modules.items()]
    else:
        if hasattr(value, "__dict__"):
            yield vars(value), [(name, f".{name}", item) for name, item in vars(value).items()]
        if slots := [name for name in _slots(value) if hasattr(value, name)]:
            yield value, [(name, f".{name}", getattr(value, name)) for name in slots]


def _nothing(holder: dict[Any, Any]) -> tuple[()]:
    return ()


def _closed(item: Any) -> bool:
    """Whether to look no further into something."""
    if isinstance(item, CLOSED):
        return True
    kinds = (dict, list, tuple, deque, types.MethodType, functools.partial)
    return not (isinstance(item, kinds) or hasattr(item, "__dict__") or _slots(item))


def _slots(value: Any) -> list[str]:
    """The attributes of an object that are in slots."""
    names: list[str] = []
    for cls in type(value).__mro__:
        own = cls.__dict__.get("__slots__", ())
        for name in (own,) if isinstance(own, str) else own:
            if name not in ("__dict__", "__weakref__"):
                private = name.startswith("__") and not name.endswith("__")
                names.append(f"_{cls.__name__.lstrip('_')}{name}" if private else name)
    return names


def _held(holder: Any, key: Any, otherwise: Any) -> Any:
    """What is held under a key or in a slot now; in what cannot change, what was."""
    if isinstance(holder, dict | list | deque):
        return holder[key]
    return otherwise if holder is None or isinstance(holder, tuple) else getattr(holder, key)


def _content(array: np.ndarray) -> Any:
    """What an array holds, if that is not much; otherwise which one it is."""
    small = array.nbytes <= SMALL_ARRAY
    return array.shape, array.dtype.str, array.tobytes() if small else Identity(array)


def same_values(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether plain values by their paths are the same, in type, too."""
    return a.keys() == b.keys() and all(_equal(value, b[path]) for path, value in a.items())


def _equal(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


def _shown(value: Any) -> str:
    return "not set" if value is MISSING else f"{value!r:.40}"
