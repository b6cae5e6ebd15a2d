"""Files of options, and the options that a checkpoint holds: data, whoever wrote them."""

from collections.abc import Collection, Mapping
from typing import Any, get_args

from pyrovae.cli.classes import whole
from pyrovae.cli.errors import UnknownName
from pyrovae.cli.options import InSlot, OptionsFile, TypedOnly
from pyrovae.cli.signatures import Parameter
from pyrovae.cli.values import read_value
from pyrovae.specifications import SLOTS, check_spec, read_yaml

__all__ = ["read_mapping", "read_options"]


def read_options(
    path: str, known: Mapping[str, Parameter], *, allow: Collection[str] = ()
) -> dict[str, Any]:
    """Reads a file of options, as data: it names no class that is not trusted or allowed.

    Raises:
        OSError: If the file does not open.
        ValueError: If it holds no options.
    """
    return read_mapping(read_yaml(path), known, where=path, allow=allow)


def read_mapping(
    content: Mapping[str, Any],
    known: Mapping[str, Parameter],
    *,
    where: str,
    allow: Collection[str] = (),
) -> dict[str, Any]:
    """Reads options that are plain values and specifications.

    Raises:
        ValueError: If one is unknown, or does not fit. It is named.
    """
    unasked = (OptionsFile, TypedOnly)
    names = [n for n, p in known.items() if not (p.is_noun or any(map(p.marker, unasked)))]
    options = {}
    for name, value in content.items():
        if name not in names:
            raise UnknownName(where, "option", str(name), names)
        parameter, option = known[name], f"{where}: {name}"
        marker = parameter.marker(InSlot)
        is_number = float in get_args(parameter.annotation) and not isinstance(value, str | dict)
        if marker is None or is_number:
            options[name] = read_value(value, parameter, option)
        elif value is None:
            options[name] = None
        else:
            slot = SLOTS[marker.slot]
            cls = check_spec(value, slot, allow=allow, where=option)
            path = value["class_path"] if isinstance(value, dict) else value
            given = value.get("init_args") or {} if isinstance(value, dict) else {}
            options[name] = whole(cls, dict(given), slot, path)
    return options
