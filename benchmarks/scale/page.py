"""The page of the results, drawn from rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.scale.prediction import GPUS, Links, efficiency
from pyrovae.files import atomic

__all__ = ["write_page"]

Row = dict[str, Any]
#: A model that nobody has measured here: seconds of a step on one GPU, and its parameters.
SUPPOSED = ("a model of 100 million parameters and 100 ms a step (supposed)", 0.100, 100e6)
FORMULA = """```
T(n) = C(n) + 2 (n - 1) / n * G / W + n * L          efficiency = C(n) / T(n)
```

C is the compute time of a step on one GPU (with one batch of all, a fraction 1/n of it), G the bytes of the gradients
(four per parameter), W the bandwidth of the slowest link in bytes per second, and L the latency of one hop of the message
before a step. W is 450 GB/s within a machine of 8 GPUs (NVLink 4 of an H100: 900 GB/s in both directions) and 50 GB/s
between machines (400 Gbit/s, InfiniBand NDR), as published by the manufacturers; L is 20 microseconds. The prediction
assumes one ring through all GPUs, over one link between two machines, that reaches this bandwidth. It also assumes that
nothing overlaps (the sum follows the backward pass). NCCL lays a ring over each of a machine's links, so with one link
for each of 8 GPUs, W is up to 8 times as large.

The prediction fails if the share of the batch is too small to fill a GPU, since C(n) is then more than its part; if
others use the links; if data are read more slowly than they are used; or if ranks wait for the slowest. None of this has
been measured on several GPUs."""


def write_page(rows: Sequence[Row], folder: Path) -> None:
    """Writes ``scale.md`` and its figure into a folder.

    Args:
        rows: What was measured.
        folder: Where to.
    """
    cpu = [row for row in rows if not _is_gpu(row)]
    cpu = [row for row in cpu if row["machine"] == cpu[-1]["machine"]]
    parts = [
        "# Several processes",
        (
            "Made by `python -m benchmarks.scale`, from the rows in `benchmarks/scale/results.json`; "
            "[how several processes train](../how_to/many_machines.md)."
        ),
        *(
            _pace(cpu)
            or [
                "Nothing has been measured here yet.",
                "![Efficiency predicted](figures/scale.png)",
            ]
        ),
        *_group(rows),
        *_checkpoints(cpu),
        *_memory(cpu),
        *_prediction(rows),
    ]
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    _draw(cpu, rows).savefig(folder / "figures" / "scale.png", dpi=120)
    with atomic(folder / "scale.md") as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _is_gpu(row: Row) -> bool:
    return bool(row.get("device", "CPU") != "CPU")


def _of_kind(rows: Sequence[Row], *kinds: str) -> list[Row]:
    return [row for row in rows if row["case"]["kind"] in kinds]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _scaling(rows: Sequence[Row], kind: str) -> list[tuple[Row, float]]:
    """Rows with images a second and process, beside those of one process."""
    one = next((row for row in _of_kind(rows, "strong") if row["processes"] == 1), None)
    if one is None:
        return []
    found = [one, *(row for row in _of_kind(rows, kind) if row["processes"] > 1)]
    return [(row, _images(row) / row["processes"] / _images(one)) for row in found]


def _images(row: Row) -> float:
    return float(row["case"]["batch_size"] / row["step"])


def _pace(rows: Sequence[Row]) -> list[str]:
    named = {"strong": "one of all", "weak": "one for each"}
    lines = [
        [
            name,
            f"{row['processes']:.0f}",
            f"{row['case']['batch_size']}",
            f"{1e3 * row['step']:.1f} ({1e3 * row['low']:.1f} to {1e3 * row['high']:.1f})",
            f"{_images(row):,.0f}",
            f"{share:.2f}",
        ]
        for kind, name in named.items()
        for row, share in _scaling(rows, kind)
    ]
    if not lines:
        return []
    header = ["batch", "processes", "data in a step", "ms a step", "images a second", "efficiency"]
    said = (
        f"Measured on {_machines(_of_kind(rows, 'strong', 'weak'))}, one thread a process: an MLP "
        f"784-{_widths(rows)}-20, steps not compiled; the median, and the 10th and 90th percentile. "
        "Efficiency is images per second and process, divided by those of one process. If there "
        "are more processes than cores, they share the cores. Up to there, the difference from 1 "
        "is the cost of the ranks' communication and of summing the gradients, and of competing "
        "for caches and memory."
    )
    return [
        "## Images a second",
        said,
        _table(header, lines),
        "![Images a second, and efficiency predicted](figures/scale.png)",
    ]


def _machines(rows: Sequence[Row]) -> str:
    return " and ".join(dict.fromkeys(row["machine"] for row in rows))


def _widths(rows: Sequence[Row]) -> str:
    return "-".join(str(width) for width in _of_kind(rows, "strong")[0]["case"]["hidden"])


def _group(rows: Sequence[Row]) -> list[str]:
    found = _of_kind(rows, "group")
    if not found:
        return []
    lines = []
    for row in (row for row in found if not row["case"]["group"]):
        like = {**row["case"], "group": True}
        other = next(
            (r for r in found if r["case"] == like and r["machine"] == row["machine"]), None
        )
        if other is None:
            continue
        case = row["case"]
        lines.append(
            [
                str(row["device"]),
                "-".join(map(str, case["hidden"])),
                "yes" if case["compiled"] else "no",
                *(f"{1e3 * r['step']:.2f}" for r in (row, other)),
                f"{other['step'] / row['step']:.2f}",
            ]
        )
    header = ["device", "widths", "compiled", "ms a step, alone", "in a group of one", "ratio"]
    said = (
        "A process that `torchrun` did not start, or that is alone in its group, skips the steps "
        "that ranks take together. "
        f"On {_machines(found)}, a batch of "
        f"{found[0]['case']['batch_size']}:"
    )
    return ["## A process group of one", said, _table(header, lines)]


def _checkpoints(rows: Sequence[Row]) -> list[str]:
    with_it = _of_kind(rows, "checkpoint")
    without = [row for row in _of_kind(rows, "strong") if row["processes"] == 1]
    if not with_it or not without:
        return []
    taken = with_it[0]["step"] - without[0]["step"]
    size = 12 * with_it[0]["parameters"] / 1e6
    return [
        "## Checkpoints",
        (
            f"A checkpoint after each step, flushed to disk, adds {1e3 * taken:.0f} ms to it. It contains "
            f"{with_it[0]['parameters'] / 1e6:.2f} million parameters, which with Adam's two moments are {size:.1f} MB. "
            "The first rank writes it, and the others wait."
        ),
    ]


def _memory(rows: Sequence[Row]) -> list[str]:
    data, datum = _of_kind(rows, "data"), _of_kind(rows, "datum")
    if not data and not datum:
        return []
    of_data = [
        [f"{r['of'] / 1e6:,.0f} MB", str(r["read"]), f"{r['bytes'] / 1e6:,.0f} MB"] for r in data
    ]
    of_datum = [
        [f"3 x {r['case']['side']} x {r['case']['side']}", f"{r['bytes'] / 1e6:,.0f} MB"]
        for r in datum
    ]
    return [
        "## Memory",
        (
            f"On {_machines([*data, *datum])}, "
            "the increase of a process's peak memory (`RssAnon`: without the pages of a "
            "memory-mapped file, which the system can reclaim). The first table is for one epoch "
            "of a `.npy` file, with 48 KiB per datum as 32-bit floats; files of more than 1 GiB "
            "stay on disk. The second is for `evaluate` on 100 images, with the default number "
            "of rows at a time."
        ),
        _table(["data", "read as", "memory to train"], of_data),
        _table(["a datum", "memory to evaluate"], of_datum),
    ]


def _models(rows: Sequence[Row]) -> list[tuple[str, float, float]]:
    """What is predicted for: name, seconds of a step on one GPU, parameters."""
    found = [
        (
            (
                f"784-{'-'.join(map(str, r['case']['hidden']))}-20, {r['parameters'] / 1e6:.1f} million "
                f"parameters, batch {r['case']['batch_size']}: {1e3 * r['step']:.2f} ms (measured)"
            ),
            r["step"],
            r["parameters"],
        )
        for r in _of_kind(rows, "group")
        if _is_gpu(r) and not r["case"]["group"] and r["case"]["compiled"]
    ]
    return [*found, SUPPOSED]


def _prediction(rows: Sequence[Row]) -> list[str]:
    parts = ["## Predicted: 8 to 512 GPUs", FORMULA]
    for name, step, parameters in _models(rows):
        lines = [
            [
                batch,
                *(
                    f"{efficiency(n, step, 4 * parameters, Links(), strong=strong):.2f}"
                    for n in GPUS
                ),
            ]
            for batch, strong in (
                ("one for each GPU (weak)", False),
                ("one of all (strong)", True),
            )
        ]
        parts += [f"Efficiency of {name}:", _table(["batch", *map(str, GPUS)], lines)]
    return parts


def _draw(cpu: Sequence[Row], rows: Sequence[Row]) -> Figure:
    if not _scaling(cpu, "strong"):
        figure = Figure(figsize=(4.8, 3.2), layout="constrained")
        _draw_predicted(figure.subplots(), rows)
        return figure
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    measured, predicted = figure.subplots(1, 2)
    for kind, name in (("strong", "one batch of all"), ("weak", "one batch for each")):
        found = [row for row, _ in _scaling(cpu, kind)]
        numbers = [int(row["processes"]) for row in found]
        measured.plot(numbers, [_images(row) for row in found], "o-", label=name)
        measured.set_xticks(numbers)
    measured.set(xlabel="processes", ylabel="images a second", ylim=(0, None), title="measured")
    measured.legend()
    _draw_predicted(predicted, rows)
    return figure


def _draw_predicted(axes: Any, rows: Sequence[Row]) -> None:
    colours = ("C2", "C3", "C4", "C5")
    for (_, step, parameters), colour in zip(_models(rows), colours, strict=False):
        for strong, style in ((False, "-"), (True, "--")):
            values = [efficiency(n, step, 4 * parameters, Links(), strong=strong) for n in GPUS]
            short = f"{parameters / 1e6:.3g} M parameters, {1e3 * step:.3g} ms"
            label = f"{short}, {'strong' if strong else 'weak'}"
            axes.plot(GPUS, values, style, color=colour, label=label)
    axes.set(xscale="log", xlabel="GPUs", ylabel="efficiency", ylim=(0, 1.02), title="predicted")
    axes.set_xticks(GPUS, [str(n) for n in GPUS])
    axes.minorticks_off()
    axes.legend(fontsize=7, loc="center right")
