"""Which of several ways to calculate the same is the fastest on this machine, found once."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import torch

from pyrovae.compilation.cache import cache_folder, is_switched_off
from pyrovae.compilation.machine import processor
from pyrovae.files import atomic

__all__ = ["fastest"]

FILE = "pyrovae-fastest.json"
ROUNDS = 7
SAMPLE = 2e-4  # seconds of a measurement at least: calls of a few microseconds are repeated
CLEARLY = 0.9  # of the time of what is taken otherwise

# By machine and by case, of this process.
_found: dict[tuple[str, str], str] = {}


def fastest(case: str, ways: Mapping[str, Callable[[], Any]], *, otherwise: str) -> str:
    """The name of the way that takes the least time; measured once for a machine and a case.

    Ways round differently, so what is taken should not change from run to run: ``otherwise`` is
    taken unless another one is faster by a tenth, and what was found is kept in the folder where
    torch keeps compiled programs (``TORCHINDUCTOR_CACHE_DIR``), for the processor, the version of
    torch and the number of threads. With ``TORCHINDUCTOR_FORCE_DISABLE_CACHES=1`` it is kept for
    this process alone. A file that cannot be read is written anew.

    Args:
        case: What the ways calculate, such as the sizes of a product.
        ways: What to call, by name.
        otherwise: The way to take where none is clearly faster.
    """
    key = (_machine(), case)
    if key not in _found:
        found = _kept(*key, ways)
        if found is None:
            measured = _measured(ways, otherwise)
            # Ranks measure at the same time, and a run that goes on later reads what is kept.
            found = _kept(*key, ways) or measured
            if found == measured:
                _keep(*key, measured)
        _found[key] = found
    return _found[key]


def _kept(machine: str, case: str, ways: Mapping[str, Any]) -> str | None:
    """What another process has found, if it has."""
    name = _read().get(machine, {}).get(case)
    return name if isinstance(name, str) and name in ways else None


def _measured(ways: Mapping[str, Callable[[], Any]], otherwise: str) -> str:
    calls = {name: _calls(way) for name, way in ways.items()}
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):  # in turn, since the machine's pace changes
        for name, way in ways.items():
            began = time.perf_counter()
            for _ in range(calls[name]):
                way()
            # What disturbs a measurement makes it longer, so that the least is the truest.
            least[name] = min(least[name], (time.perf_counter() - began) / calls[name])
    best = min(least, key=least.__getitem__)
    return best if least[best] < CLEARLY * least[otherwise] else otherwise


def _calls(way: Callable[[], Any]) -> int:
    """How often to call it for one measurement; the first calls, which prepare, are done here."""
    way()
    began = time.perf_counter()
    way()
    return max(1, round(SAMPLE / max(time.perf_counter() - began, 1e-7)))


def _machine() -> str:
    capability, threads = torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()
    return f"{processor()}, {capability}, torch {torch.__version__}, {threads} threads"


def _read() -> dict[str, dict[str, str]]:
    """What was found by earlier processes: ways by machine and case; of what is no such, nothing."""
    if is_switched_off():
        return {}
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads((cache_folder() / FILE).read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return {name: cases for name, cases in found.items() if isinstance(cases, dict)}
    return {}


def _keep(machine: str, case: str, name: str) -> None:
    """Adds to the file; where two processes write at once, one of them finds again another time."""
    if is_switched_off():
        return
    found = _read()
    found.setdefault(machine, {})[case] = name
    # Where nothing can be written, it is found again.
    with suppress(OSError), atomic(cache_folder() / FILE) as temporary:
        temporary.write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")
