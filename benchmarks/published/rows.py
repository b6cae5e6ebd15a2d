"""The row of a result: what is kept of its runs, as JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pyro
import torch

from benchmarks.machine import machine
from benchmarks.published.numbers import Number
from benchmarks.published.protocols import Protocol
from pyrovae import __version__
from pyrovae.files import atomic

__all__ = ["RESULTS", "make_row", "read_rows", "write_row"]

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]


def make_row(protocol: Protocol, numbers: Mapping[int, Number]) -> Row:
    """What is kept of a result's runs.

    Args:
        protocol: The result.
        numbers: What each seed's run found.

    Raises:
        ValueError: If there is no run.
    """
    if not numbers:
        raise ValueError(f"{protocol.name}: expected at least one run, got none")
    found = list(numbers.values())
    values = [number.value for number in found]
    return {
        "name": protocol.name,
        "what": protocol.what,
        "quantity": protocol.quantity,
        "published": protocol.published,
        "published_error": protocol.error,
        "from_memory": protocol.from_memory,
        "within": protocol.within,
        "value": mean(values),
        "mc_se": _of_mean([number.mc_se for number in found]),
        # The test data are the same whatever the seed: their error does not average out.
        "data_se": _mean([number.data_se for number in found]),
        "seed_se": stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None,
        "samples": found[0].samples,
        "epochs": [number.epochs for number in found],
        "planned_epochs": found[0].planned,
        "minutes": mean(number.minutes for number in found),
        "unfinished": any(n.stopped is None and n.epochs < n.planned for n in found),
        "runs": {str(seed): asdict(number) for seed, number in numbers.items()},
        "machine": f"{machine()}, {torch.get_num_threads()} threads",
        "versions": {"pyrovae": __version__, "torch": torch.__version__, "pyro": pyro.__version__},
    }


def write_row(row: Row, folder: Path = RESULTS) -> Path:
    """Writes a row into a folder of rows."""
    path = folder / f"{row['name']}.json"
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")
    return path


def read_rows(folder: Path = RESULTS) -> list[Row]:
    """All rows of a folder, by name."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def _mean(errors: list[float | None]) -> float | None:
    known = [error for error in errors if error is not None]
    return mean(known) if len(known) == len(errors) else None


def _of_mean(errors: list[float | None]) -> float | None:
    """The error of a mean of numbers whose errors are independent."""
    known = [error**2 for error in errors if error is not None]
    return math.sqrt(sum(known)) / len(errors) if len(known) == len(errors) else None
