"""Looking at arguments before anything is done with them."""

import os
from typing import Any

__all__ = ["check_count", "check_part", "check_path"]


def check_count(name: str, value: Any) -> None:
    """Looks whether an argument is a whole number of at least 1.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}: expected at least 1, got {value!r}")


def check_part(name: str, value: Any, base: type) -> None:
    """Looks whether an argument is a part of its kind, such as a prior.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(value, base):
        if isinstance(value, type):
            given = f"the class {value.__name__} itself: make one, {value.__name__}(...)"
        else:
            given = repr(value) if isinstance(value, str | int) else f"a {type(value).__name__}"
        raise ValueError(
            f"{name}: expected an object of a subclass of {base.__module__}.{base.__name__}, "
            f"got {given}"
        )


def check_path(name: str, value: Any) -> None:
    """Looks whether an argument is the path of a file, which need not be there.

    Raises:
        ValueError: If it is not, or there is a folder.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ValueError(f"{name}: expected the path of a file, got {value!r}")
    if os.path.isdir(value):
        raise ValueError(f"{name}: expected the path of a file, but {value} is a folder")
