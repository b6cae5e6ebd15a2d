"""The page of what was measured, and its figure."""

import math

from matplotlib.figure import Figure

from benchmarks.growth.sizes import AXES, of
from benchmarks.machine import machine

__all__ = ["Found", "draw", "exponent", "page"]

Found = dict[str, dict[str, dict[str, float]]]  # by what grows and its value
COLUMNS = {
    "step": ("eager step, ms", 1e3),
    "compiled": ("compiled step, ms", 1e3),
    "compiling": ("compiling, s", 1.0),
    "log_likelihood": ("log p(x) of a datum, ms", 1e3),
    "first_batch": ("first batch of an epoch, ms", 1e3),
    "memory": ("memory of eager training, MiB", 1.0),
    "all_memory": ("memory with compiling and log p(x), MiB", 1.0),
}
SHOWN = ("step", "compiled", "compiling", "log_likelihood", "all_memory")

REMARKS = {
    "data": [
        "",
        "The first batch of an epoch waits for the epoch's order. Of ten million data it does not fit the",
        "processor's cache, so shuffling takes more than ten times as long as for a million.",
    ]
}


def exponent(sizes: list[float], costs: list[float]) -> float:
    """The exponent between the last two sizes, the largest of which are to show where it leads."""
    (a, b), (c, d) = sizes[-2:], costs[-2:]
    return math.log(d / c) / math.log(b / a) if min(c, d) > 0 else math.nan


def page(found: Found, threads: int) -> str:
    """The page, in Markdown."""
    lines = [
        "# Cost as it grows",
        "",
        "Written by `python -m benchmarks.growth`.",
        "",
        f"Measured on {machine()}, {threads} threads. The model is a VAE with two MLPs, hidden layers of 100 units and",
        "a Bernoulli likelihood, trained with batches of 50. One size grows at a time. Each row comes from its own",
        "process, which starts without any compiled program. Times of a step are medians, and include gathering the",
        "batch from shuffled data. Memory is the growth of the process, without the data. The estimate of log p(x)",
        "uses ten draws for each particle. The exponent is the slope between the last two sizes on a log-log scale:",
        "1 means proportional, 0 means constant.",
        "",
        "![Time and memory against each size](figures/growth.png)",
    ]
    for axis, rows in found.items():
        values = sorted(map(int, rows))
        fixed = of(axis, values[0])._asdict()
        kept = ", ".join(f"{n} {v}" for n, v in fixed.items() if n in AXES and n != axis)
        lines += ["", f"## {axis.capitalize()}", "", f"Fixed: {kept}.", ""]
        lines += [f"| {axis} | " + " | ".join(name for name, _ in COLUMNS.values()) + " |"]
        lines += ["|---:" * (1 + len(COLUMNS)) + "|"]
        for value in values:
            cells = (f"{rows[str(value)][key] * unit:.3g}" for key, (_, unit) in COLUMNS.items())
            lines.append(f"| {value:,} | " + " | ".join(cells) + " |")
        if len(values) > 1:
            last = [
                exponent([float(v) for v in values], _column(rows, values, key)) for key in COLUMNS
            ]
            lines.append("| exponent | " + " | ".join(f"{e:.2f}" for e in last) + " |")
        lines += REMARKS.get(axis, [])
    return "\n".join(lines) + "\n"


def draw(found: Found) -> Figure:
    """One panel for each cost, one line in it for each size that grows."""
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    panels = figure.subplots(2, 3).flatten()
    for key, panel in zip(SHOWN, panels, strict=False):
        name, unit = COLUMNS[key]
        for axis, rows in found.items():
            values = sorted(map(int, rows))
            panel.plot(values, [unit * y for y in _column(rows, values, key)], "o-", label=axis)
        panel.set(xscale="log", yscale="log", title=name)
    panels[-1].axis("off")
    panels[-1].legend(*panels[0].get_legend_handles_labels(), title="what grows", loc="center")
    return figure


def _column(rows: dict[str, dict[str, float]], values: list[int], key: str) -> list[float]:
    return [rows[str(value)][key] for value in values]
