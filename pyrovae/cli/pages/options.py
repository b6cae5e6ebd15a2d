"""The options of runs, one name for each value, and what differs between several runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyrovae.cli.repeat import without_paths
from pyrovae.cli.runs import STORED

__all__ = ["differences", "flat"]

#: Those that change what is shown or how fast it is, and not what is trained.
OF_NO_ACCOUNT = ("download", "root", "quiet", "num_workers", "checkpoint_minutes")


def flat(options: Mapping[str, Any]) -> dict[str, str]:
    """Every option by its name as one types it, ``prior.components``, as text."""
    return dict(_flat("", without_paths(options)))


def differences(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The options in which runs differ, with the value of each run; a dash where it has none.

    Args:
        runs: The options of each run.
    """
    known = [flat({k: v for k, v in run.items() if k not in OF_NO_ACCOUNT}) for run in runs]
    names = sorted({name for options in known for name in options}, key=_place)
    values = {name: [options.get(name, "\N{EN DASH}") for options in known] for name in names}
    return {name: row for name, row in values.items() if len(set(row)) > 1}


def _place(name: str) -> tuple[int, str]:
    return list(STORED).index(name.partition(".")[0]), name


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and isinstance(value.get("class_path"), str):
        path = value["class_path"]
        yield name, path.rpartition(".")[2] if path.startswith("pyrovae.") else path
        value = value.get("init_args") or {}
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}".lstrip("."), inner)
    elif value != {}:
        yield name, value if isinstance(value, str) else json.dumps(value, default=str)
