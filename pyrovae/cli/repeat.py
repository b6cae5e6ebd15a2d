"""The command that makes a run again, written from the options that it keeps."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyrovae.cli.classes import asked_for, complete, whole
from pyrovae.cli.options import InSlot
from pyrovae.cli.runs import STORED
from pyrovae.datasets.load import NAMES
from pyrovae.specifications import SLOTS, Slot, find_class, nested_slot, resolve

__all__ = ["command_of", "without_paths"]


def command_of(options: Mapping[str, Any]) -> str:
    """The command, for a shell: every option that is not the default.

    Args:
        options: A run's options. They may be a stranger's: what no option can be is shown as it
            is, and classes that are not trusted are named and not looked at.
    """
    words = ["pyrovae", "train"]
    for name, value in without_paths(options).items():
        parameter = STORED[name]
        marker = parameter.marker(InSlot)
        if marker is not None and _is_spec(value):
            words += _of_class(f"--{name}", value, SLOTS[marker.slot], marker.usual)
        elif value != parameter.default:
            words += _option(f"--{name}", value)
    return shlex.join(words)


def without_paths(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with the last part of each path alone: where a machine has its files is its own."""
    short = dict(options)
    if short.get("data") not in NAMES:
        short["data"] = _last(short.get("data"))
    short["root"] = _last(short.get("root"))
    return {name: value for name, value in short.items() if name in STORED}


def _last(path: Any) -> Any:
    return Path(path).name or path if isinstance(path, str) else path


def _is_spec(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("class_path"), str)
        and isinstance(value.get("init_args", {}), dict)
    )


def _of_class(
    option: str, spec: Mapping[str, Any], slot: Slot | None, usual: Mapping[str, Any] | None
) -> Iterator[str]:
    """A class and its arguments, without what would be taken anyway."""
    path, given = spec["class_path"], spec.get("init_args", {})
    slots: dict[str, Slot | None] = {}
    name = path
    taken: dict[str, Any] = {}
    cls = None if slot is None else _trusted(path, slot)
    if cls is not None and slot is not None:
        name = _short(path, cls, slot)
        slots = {n: nested_slot(p.annotation) for n, p in asked_for(cls, slot).items()}
        is_usual = usual is not None and _trusted(usual["class_path"], slot) is cls
        known = complete(usual, slot) if is_usual and usual else whole(cls, {}, slot, path)
        taken = known["init_args"]
        if is_usual:
            name = ""
    if name:
        yield from _option(option, name)
    for argument, value in given.items():
        if value == taken.get(argument):
            continue
        if _is_spec(value):
            yield from _of_class(f"{option}.{argument}", value, slots.get(argument), None)
        else:
            yield from _option(f"{option}.{argument}", value)


def _trusted(path: str, slot: Slot) -> type | None:
    try:
        return resolve(path, slot)
    except ValueError:
        return None


def _short(path: str, cls: type, slot: Slot) -> str:
    """The name alone, where that is enough to find the class."""
    name = path.rpartition(".")[2]
    try:
        return name if find_class(name, slot) is cls else path
    except ValueError:
        return path


def _option(option: str, value: Any) -> Iterator[str]:
    if value is None:
        text = "none"
    elif isinstance(value, str):
        text = value
    else:
        text = json.dumps(value, default=str)  # which is YAML, too
    # What begins so would be taken for an option.
    yield from [f"{option}={text}"] if text.startswith("-") else [option, text]
