"""Images a second on 1, 2 and 4 processes of this machine, and a prediction for many GPUs.

    python -m benchmarks.scale --out docs/results
    python -m benchmarks.scale --processes [1,2] --steps 20 --step_seconds 0.004 --bandwidth 50

Measured is the median step of a 784-hidden-20 MLP at one batch of all processes (strong scaling) and at one
batch for each (weak scaling). Predicted is a step on n GPUs, ``T(n) = C(n) + 2 (n - 1) / n * G / W + n * L``
with C its calculation (that of one GPU; of its share of the batch where the batch is one of all), G the bytes
of the gradients, W the bandwidth of the slowest link in bytes a second and L the time of one hop of the message
before the step. Nothing overlaps in it: the sum follows the backward pass. It breaks where a share of the batch is
too small to fill a GPU, where links are shared with others, and where data are read slower than they are used.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from matplotlib.figure import Figure

from pyrovae.cli import run
from pyrovae.files import atomic

WORKER = Path(__file__).parent / "worker.py"
GPUS = (8, 64, 256, 512)
Row = dict[str, float]


def scale(
    *,
    processes: list[int] | None = None,
    batch_size: int = 512,
    steps: int = 100,
    hidden: int = 400,
    compiled: bool = False,
    step_seconds: float = 0.010,
    gradient_bytes: float = 4e8,
    bandwidth: float = 50.0,
    hop: float = 20.0,
    out: str = "docs/results",
) -> None:
    """Measures scaling on this machine and predicts it for GPUs.

    Args:
        processes: Numbers of processes.
        batch_size: Data in a step.
        steps: Steps measured.
        hidden: Width of the networks.
        compiled: Whether the step is compiled.
        step_seconds: Seconds that one GPU takes for the calculation of a step.
        gradient_bytes: Bytes of the gradients there: four for each parameter.
        bandwidth: Gigabytes a second of the slowest link between GPUs, such as 50 for 400 Gbit/s.
        hop: Microseconds of one hop between two hosts.
        out: Folder of the page and the figure.
    """
    numbers = processes or [1, 2, 4]
    strong = [_measure(n, batch_size, steps, hidden, compiled) for n in numbers]
    weak = [_measure(n, batch_size * n, steps, hidden, compiled) for n in numbers[1:]]
    weak = [*strong[:1], *weak]
    predicted = [
        (
            n,
            *(
                predicted_efficiency(
                    n, step_seconds, gradient_bytes, bandwidth * 1e9, hop * 1e-6, share
                )
                for share in (n, 1)
            ),
        )
        for n in GPUS
    ]
    folder = Path(out)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    lines = _page(strong, weak, predicted, step_seconds, gradient_bytes, bandwidth, hop)
    with atomic(folder / "scale.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _draw(strong, weak).savefig(folder / "figures" / "scale.png", dpi=150)


def _measure(n: int, batch_size: int, steps: int, hidden: int, compiled: bool) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "found.json"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", str(n), str(WORKER), str(told)]
        command += [str(value) for value in (batch_size, steps, hidden, compiled)]
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        found: Row = json.loads(told.read_text())
    return found


def machine() -> str:
    """The processor's name, as Linux has it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def predicted_efficiency(
    n: int, step: float, size: float, bandwidth: float, hop: float, share: int
) -> float:
    """The calculation's part of a step on n GPUs, where that takes 1 / share of one GPU's."""
    calculation = step / share
    return calculation / (calculation + 2 * (n - 1) / n * size / bandwidth + n * hop)


def _efficiency(rows: list[Row]) -> list[float]:
    """Images a second and process, beside those of the first row."""
    each = [row["data"] / row["step"] / row["size"] for row in rows]
    return [value / each[0] for value in each]


def _page(
    strong: list[Row],
    weak: list[Row],
    predicted: list[tuple[int, float, float]],
    step: float,
    size: float,
    bandwidth: float,
    hop: float,
) -> list[str]:
    lines = [
        "# Several processes",
        "",
        "Made by `python -m benchmarks.scale`; [how several processes train](../how_to/many_machines.md).",
        "",
        f"Measured on {machine()} with {os.cpu_count()} cores, one thread a process: the median step of a",
        "784-hidden-20 MLP. Efficiency is images a second and process beside those of one process. More",
        "processes than cores share them, and the difference up to there is what the exchange and the sum of",
        "the gradients cost.",
        "",
        "| batch | processes | data in a step | images a second | efficiency |",
        "|---|---|---|---|---|",
    ]
    for name, rows in (("of all", strong), ("for each", weak)):
        for row, share in zip(rows, _efficiency(rows), strict=True):
            pace = row["data"] / row["step"]
            lines.append(
                f"| {name} | {row['size']:.0f} | {row['data']:.0f} | {pace:,.0f} | {share:.2f} |"
            )
    lines += [
        "",
        f"Writing the weights ({strong[0]['bytes'] / 1e6:.1f} MB) takes {1e3 * strong[0]['checkpoint']:.0f} ms.",
        "",
        (
            f"Predicted for a step of {1e3 * step:g} ms on one GPU, {size / 1e6:.0f} MB of gradients, {bandwidth:g} GB/s "
            f"and {hop:g} microseconds a hop, as `python -m benchmarks.scale --help` says:"
        ),
        "",
        "| GPUs | efficiency, one batch of all | efficiency, one batch for each |",
        "|---|---|---|",
        *(f"| {n} | {all_:.2f} | {each:.2f} |" for n, all_, each in predicted),
        "",
        "![Images a second](figures/scale.png)",
    ]
    return lines


def _draw(strong: list[Row], weak: list[Row]) -> Figure:
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, rows in (("one batch of all", strong), ("one batch for each", weak)):
        axes.plot(
            [r["size"] for r in rows], [r["data"] / r["step"] for r in rows], "o-", label=name
        )
    axes.set(xlabel="processes", ylabel="images a second", ylim=(0, None))
    axes.legend()
    return figure


if __name__ == "__main__":
    run(scale)
