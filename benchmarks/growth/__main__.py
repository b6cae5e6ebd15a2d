"""How the time and memory of a step, of compiling and of an estimate grow.

    python -m benchmarks.growth --out docs/results
    python -m benchmarks.growth --axes '["latents"]'

Each size is measured in a process of its own, with a cache of compiled programs that begins empty for the
size; rows that are there already are not measured again.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.growth.page import Found, draw, page
from benchmarks.growth.sizes import AXES, of
from pyrovae.cli import run
from pyrovae.files import atomic


def growth(
    *,
    axes: list[str] | None = None,
    largest: int = 10_000_000,
    threads: int = 2,
    rows: str = "benchmarks/growth/rows.json",
    out: str = "docs/results",
) -> None:
    """Measures how cost grows with each size, and writes a page and its figure.

    Args:
        axes: What is to grow, if not all: features, latents, layers, particles, data.
        largest: Values above are left out.
        threads: Threads that PyTorch calculates with.
        rows: File of what was measured, which is gone on with.
        out: Folder of the page and the figure.
    """
    unknown = set(axes or ()).difference(AXES)
    if unknown:
        raise ValueError(f"axes: expected some of {', '.join(AXES)}, got {', '.join(unknown)}")
    path = Path(rows)
    found: Found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for axis in axes or AXES:
        for value in AXES[axis]:
            if value > largest or str(value) in found.get(axis, {}):
                continue
            row = _measured(axis, value, threads)
            found.setdefault(axis, {})[str(value)] = row
            print(axis, value, *(f"{name}={number:.3g}" for name, number in row.items()))
            with atomic(path) as temporary:
                temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    folder = Path(out)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    with atomic(folder / "growth.md") as temporary:
        temporary.write_text(page(found, threads), encoding="utf-8")
    draw(found).savefig(folder / "figures" / "growth.png", dpi=150)


def _measured(axis: str, value: int, threads: int) -> dict[str, float]:
    """A row, from a process that has compiled nothing before."""
    with tempfile.TemporaryDirectory() as cache:
        told = json.dumps(of(axis, value)._asdict())
        command = [sys.executable, "-m", "benchmarks.growth.measure", told, str(threads)]
        environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": cache}
        environment["OMP_NUM_THREADS"] = str(threads)
        done = subprocess.run(
            command, check=True, env=environment, stdout=subprocess.PIPE, text=True
        )
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


if __name__ == "__main__":
    run(growth)
