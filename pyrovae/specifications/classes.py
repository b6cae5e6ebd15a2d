"""From a name to a class, if it is one that may stand in its place."""

import difflib
import inspect
import re
from collections.abc import Collection
from importlib import import_module

from pyrovae.specifications.plain import shown
from pyrovae.specifications.slots import Slot

__all__ = ["choices", "find_class", "resolve"]

PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
LONGEST_PATH = 300


def find_class(name: str, slot: Slot, *, allow: Collection[str] = ()) -> type:
    """The class of a short name (``VampPrior``) or an import path (``my_package.MyPrior``).

    Args:
        name: The name.
        slot: The place the class is named for.
        allow: Packages whose classes may be imported beside those the slot trusts.

    Raises:
        ValueError: If there is none of that name, it may not be imported, or does not belong here.
    """
    if "." in name:
        return resolve(name, slot, allow=allow)
    for home in slot.homes:
        module = import_module(home)
        value = getattr(module, name, None)
        if isinstance(value, type) and issubclass(value, slot.base()):
            return resolve(f"{home}.{name}", slot)
    known = choices(slot)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(
        f"{slot.name}: expected one of {', '.join(known)} or a class by its import path, "
        f"got {shown(name)}{hint}"
    )


def resolve(class_path: str, slot: Slot, *, allow: Collection[str] = ()) -> type:
    """Imports the class of an import path, ``package.module.Class``.

    Nothing is imported unless the path begins with a package that is trusted here or allowed, and
    the class must be defined in one, not only reached through it.

    Args:
        class_path: The path.
        slot: The place the class is named for.
        allow: Packages, by their whole first name, that the caller trusts.

    Raises:
        ValueError: If it may not be imported, there is no such class, or it does not belong here.
    """
    if len(class_path) > LONGEST_PATH or not PATH.fullmatch(class_path):
        raise ValueError(
            f"{slot.name}: expected a class by its import path, got {shown(class_path)}"
        )
    module, _, name = class_path.rpartition(".")
    parts = class_path.split(".")
    if not _belongs(class_path, slot, allow):
        package = parts[0]
        raise ValueError(
            f"{slot.name}: {class_path}: the package {package!r} is not allowed; if you trust "
            f"it, allow it by name (allow=[{package!r}], --allow {package})"
        )
    if not module or "__main__" in parts:
        raise ValueError(f"{slot.name}: {class_path}: there is no such class to import")
    try:
        cls = getattr(import_module(module), name)
    except Exception as error:  # whatever the module of an allowed package raises
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{slot.name}: {class_path}: there is no such class to import ({reason})"
        ) from error
    base = slot.base()
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise ValueError(f"{slot.name}: {class_path}: expected a subclass of {base.__name__}")
    if not _belongs(f"{cls.__module__}.{cls.__qualname__}", slot, allow):
        raise ValueError(
            f"{slot.name}: {class_path}: it is defined in {cls.__module__}, whose package is not "
            "allowed"
        )
    if inspect.isabstract(cls) or cls is base:
        raise ValueError(
            f"{slot.name}: {class_path}: expected a class that can be constructed, not a base "
            "class"
        )
    why = slot.refused.get(cls.__name__)
    # By the class itself: a person's own of the same name is another.
    if why is not None and any(
        getattr(import_module(home), cls.__name__, None) is cls for home in slot.homes
    ):
        raise ValueError(f"{slot.name}: {cls.__name__} cannot be used here: {why}")
    return cls


def choices(slot: Slot) -> list[str]:
    """The short names that may stand in a slot, sorted: those of one package's homes alone."""
    package = slot.homes[0].partition(".")[0]
    found = set()
    for home in slot.homes:
        if home.partition(".")[0] == package:
            module = import_module(home)
            names = getattr(module, "__all__", None) or dir(module)
            found |= {name for name in names if _stands(getattr(module, name), slot)}
    return sorted(found)


def _belongs(path: str, slot: Slot, allow: Collection[str]) -> bool:
    packages = {name for name in allow if name.isidentifier()}
    return path.split(".")[0] in packages or any(
        path == trusted or path.startswith(f"{trusted}.") for trusted in slot.trusted
    )


def _stands(value: object, slot: Slot) -> bool:
    base = slot.base()
    return (
        isinstance(value, type)
        and issubclass(value, base)
        and value is not base
        and not inspect.isabstract(value)
        and value.__name__ not in slot.refused
    )
