"""Several processes: images a second, memory, checkpoints, and a prediction for many GPUs.

    python -m benchmarks.scale                          # docs/results/scale.md
    python -m benchmarks.scale --processes [1,2] --steps 20
    python -m benchmarks.scale --only [group] --rows gpu.json

Each measurement is a process of its own, and a row in a file; those that are in it are not
measured again, so that a run that was ended goes on. The page is drawn from the rows.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.scale.cases import Case, cases
from benchmarks.scale.page import write_page
from pyrovae.cli import run
from pyrovae.files import atomic

HERE = Path(__file__).parent
ROWS = HERE / "results.json"
Row = dict[str, Any]


def scale(
    *,
    processes: list[int] | None = None,
    batch_size: int = 512,
    steps: int = 100,
    hidden: list[int] | None = None,
    only: list[str] | None = None,
    rows: str = str(ROWS),
    out: str = "docs/results",
) -> None:
    """Measures scaling on this machine and predicts it for GPUs.

    Args:
        processes: Numbers of processes; 1, 2 and 4 if left out.
        batch_size: Data in a step, of one process or of all.
        steps: Steps measured.
        hidden: Widths of the networks; 400 if left out.
        only: Which kinds to measure: strong, weak, group, checkpoint, datum, data.
        rows: The file of rows.
        out: Folder of the page and the figure.
    """
    path, here = Path(rows), machine()
    wanted = cases(
        processes or [1, 2, 4], batch_size=batch_size, steps=steps, hidden=hidden or [400]
    )
    for case in wanted:
        known = read_rows(path)
        there = any(row["case"] == case.plain() and row["machine"] == here for row in known)
        if there or (only is not None and case.kind not in only):
            continue
        row = {"case": case.plain(), "machine": here, **measure(case)}
        print(row, flush=True)
        with atomic(path) as temporary:
            lines = [json.dumps(each) for each in [*known, row]]
            temporary.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    write_page(read_rows(path), Path(out))


def read_rows(path: Path) -> list[Row]:
    """The rows of a file; none where there is no file."""
    found: list[Row] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return found


def measure(case: Case) -> Row:
    """What a process, or several, found of a case."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "found.json"
        module = "benchmarks.scale.memory" if case.is_of_memory else "benchmarks.scale.worker"
        command = [sys.executable]
        if case.processes > 1:
            command += ["-m", "torch.distributed.run", "--standalone"]
            command += ["--nproc-per-node", str(case.processes)]
        command += ["-m", module, str(told), json.dumps(case.plain())]
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        found: Row = json.loads(told.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    run(scale)
