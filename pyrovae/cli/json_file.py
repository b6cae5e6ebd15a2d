"""Numbers in files of JSON, which knows no NaN."""

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from typing import Any

from pyrovae.files import atomic

__all__ = ["write_json"]


def write_json(path: str | os.PathLike[str], values: Mapping[str, Any]) -> None:
    """Writes plain values, and dataclasses of them, in one move.

    NaN is written as null, which is what is undefined everywhere else: the standard error of a
    mean of minus infinity, say.
    """
    text = json.dumps({name: _plain(value) for name, value in values.items()}, indent=2)
    with atomic(path) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
