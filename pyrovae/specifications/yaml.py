"""YAML as data: plain values, bounded, with the numbers people write."""

import os
import re
from pathlib import Path
from typing import Any

import yaml as pyyaml

from pyrovae.specifications.plain import Plain, check_plain

__all__ = ["dump_yaml", "parse_yaml", "read_yaml"]

LARGEST_FILE = 2**20  # bytes


class _Loader(pyyaml.SafeLoader):
    """Safe, without aliases (which expand without end) and with the numbers of YAML 1.2.

    In YAML 1.1 ``1e-3`` is a text, ``no`` a truth value, ``1:30`` a number and ``2024-01-01`` a
    date.
    """

    def compose_node(self, parent: pyyaml.Node | None, index: Any) -> pyyaml.Node | None:
        """Refuses an alias before it is followed."""
        if self.check_event(pyyaml.AliasEvent):
            event = self.peek_event()
            raise pyyaml.MarkedYAMLError(
                problem="aliases are not read", problem_mark=event.start_mark
            )
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {}


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first)
    )


_resolve("null", "~|null|Null|NULL|", "~nN")
_Loader.yaml_implicit_resolvers.setdefault("", _Loader.yaml_implicit_resolvers["~"])
_resolve("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("int", "[-+]?[0-9]+", "-+0123456789")
_resolve(
    "float",
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "-+.0123456789",
)


def _whole(loader: pyyaml.SafeLoader, node: pyyaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))  # a leading zero is no octal sign


_Loader.add_constructor("tag:yaml.org,2002:int", _whole)


def parse_yaml(text: str, where: str) -> Plain:
    """Reads plain values from a text.

    Args:
        text: YAML, as ``[400, 200]``.
        where: What it is, for the message.

    Raises:
        ValueError: In one line, if it is no YAML, uses aliases or tags, or is too large or deep.
    """
    if len(text) > LARGEST_FILE:
        raise ValueError(f"{where}: expected at most {LARGEST_FILE} characters, got {len(text)}")
    try:
        value = pyyaml.load(text, Loader=_Loader)
    except pyyaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" in line {mark.line + 1}" if mark is not None else ""
        raise ValueError(f"{where}: expected YAML, but{place} {error.problem}") from None
    except (pyyaml.YAMLError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{where}: expected YAML, but {reason}") from None
    except RecursionError:
        raise ValueError(f"{where}: expected values with less nesting") from None
    check_plain(value, where)
    plain: Plain = value
    return plain


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Plain]:
    """Reads a file of options.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no mapping in YAML, or too large. The file is named.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    size = file.stat().st_size
    if size > LARGEST_FILE:
        raise ValueError(f"{path}: expected at most {LARGEST_FILE} bytes of options, got {size}")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected a YAML file of options, which is text") from None
    value = parse_yaml(text, str(path))
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a YAML file of options, a mapping")
    return value


class _Dumper(pyyaml.SafeDumper):
    """Writes what `_Loader` reads: no aliases, and quotes around what YAML 1.1 or 1.2 misreads."""

    def ignore_aliases(self, data: object) -> bool:
        """A value that is used twice is written twice."""
        return True


_Dumper.yaml_implicit_resolvers = {
    first: [
        *pyyaml.SafeDumper.yaml_implicit_resolvers.get(first, []),
        *_Loader.yaml_implicit_resolvers.get(first, []),
    ]
    for first in {*pyyaml.SafeDumper.yaml_implicit_resolvers, *_Loader.yaml_implicit_resolvers}
}


def dump_yaml(values: dict[str, Plain]) -> str:
    """Writes options as `read_yaml` reads them."""
    return str(pyyaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True))
