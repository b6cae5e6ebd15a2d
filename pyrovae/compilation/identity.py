"""Which function or class an attribute holds."""

import weakref
from typing import Any

__all__ = ["Identity"]


class Identity:
    """Which object it is, compared without keeping it alive.

    Functions that close over nothing are also the same if their code is: a program may make one
    anew at each run.

    Args:
        item: A function, class or module of Python's, or an array.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, item: Any) -> None:
        self._item = weakref.ref(item)
        self._name = getattr(item, "__qualname__", None) or getattr(item, "__name__", "?")
        free = not any(
            getattr(item, name, None) for name in ("__closure__", "__defaults__", "__kwdefaults__")
        )
        self._code = getattr(item, "__code__", None) if free else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Identity):
            return NotImplemented
        item = self._item()
        if item is not None and item is other._item():
            return True
        return self._code is not None and self._code == other._code

    def __repr__(self) -> str:
        return str(self._name)
