"""Which of several ways to calculate the same is the fastest on this machine, found once."""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from pyrovae.files import atomic

__all__ = ["fastest"]

ROUNDS = 7
SAMPLE = (
    2e-4  # seconds that a measurement takes at least: calls of a few microseconds are repeated
)
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
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = named[0] if named else platform.processor() or platform.machine()
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{name}, {capability}, torch {torch.__version__}, {torch.get_num_threads()} threads"


def _file() -> Path | None:
    if os.environ.get("TORCHINDUCTOR_FORCE_DISABLE_CACHES") == "1":
        return None
    # Here, since with it comes the compiler, which takes a second to import.
    from torch._inductor.runtime.runtime_utils import cache_dir

    return Path(cache_dir()) / "pyrovae-fastest.json"


def _read() -> dict[str, dict[str, str]]:
    """What was found by earlier processes: ways by machine and case; of what is no such, nothing."""
    with suppress(OSError, ValueError, RecursionError):
        file = _file()
        found = json.loads(file.read_text(encoding="utf-8")) if file else {}
        if isinstance(found, dict):
            return {name: cases for name, cases in found.items() if isinstance(cases, dict)}
    return {}


def _keep(machine: str, case: str, name: str) -> None:
    """Adds to the file; where two processes write at once, one of them finds again another time."""
    found = _read()
    found.setdefault(machine, {})[case] = name
    with suppress(OSError):  # where nothing can be written, it is found again
        file = _file()
        if file is not None:
            with atomic(file) as temporary:
                temporary.write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")
