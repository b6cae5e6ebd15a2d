"""The page and the figure of what was measured."""

import platform
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from benchmarks.machine import gpu, processor
from benchmarks.speed.cases import Case
from benchmarks.speed.contenders import CONTENDERS
from benchmarks.speed.goals import OURS, goals, measured, ratio
from benchmarks.speed.measurement import Measurement, Options
from benchmarks.speed.profile import Profile

__all__ = ["write_figure", "write_page"]

READING = (
    "A ratio is the time divided by that of pyrovae, compiled; above 1 is slower. The machine's "
    "pace changes between rounds, so ratios are computed within each round, and the median over "
    "the rounds is shown. The range is that of the measurements. The check is the held-out bound "
    "after two epochs from the same initial weights; for (d) it is the last test ELBO, for (e) "
    "the estimate. Contenders that do the same work get about the same value, and a different "
    "value is marked. (PyTorch by hand and pythae compute the KL in closed form, whose gradients "
    "vary less; the others sample it.) Epochs have 4 to 192 steps, and what a trainer does "
    "between them is included in its time. Runs to a target are in processes of their own, with "
    "nothing compiled before except where the row says so. (f) uses generated images. "
)
MEMORY = {
    "cpu": "Memory is the peak resident size of the process.",
    "cuda": (
        "Memory is the peak of a process's arrays on the GPU. Each measurement starts and ends "
        "with a synchronisation of the GPU. Matrix products and convolutions are in float32, not "
        "in TensorFloat-32, except those in bf16. The floor is the longer of two times: that of "
        "the arithmetic of products and convolutions, at the rate of a large product, and that "
        "of moving the bytes of parameters, Adam's state, the batch and the layers' outputs, at "
        "the rate of a large copy. Both rates are measured here. (Data in a cache move faster.)"
    ),
}
PROFILING = (
    "The time of each kind of operation in CompiledSVI.step, from torch's profiler. Time that no "
    "operation accounts for is spent in Python between operations, and in threads that wait for "
    "each other. The profiler makes small operations slower, so this time is a lower bound. The "
    "whole is the fastest of nine epochs without the profiler; the parts are from the fastest "
    "of five with it. The remainder is negative where those were slower."
)
UNITS = {"d": "seconds", "e": "images x samples a second"}
# How far from the median a check may be, as a share of it: on two epochs of training the closed-form
# KL alone makes 4 %, and S = 1000 draws leave less than 0.5 %.
BAND = {"e": 0.01}


def write_page(
    path: Path,
    found: Sequence[Sequence[Measurement]],
    *,
    figure: Path,
    options: Options,
    data: str,
    load: float | None = None,
    profiles: Sequence[Profile] = (),
) -> None:
    """Writes the tables.

    Args:
        path: The page.
        found: For each case what was found of each contender.
        figure: The figure that the page shows.
        options: How it was measured.
        data: What the images are.
        load: The machine's load before it began: processes that other work kept busy.
        profiles: Where the time of pyrovae's compiled step goes, in some cases.
    """
    versions = {k: v for case in found for m in case for k, v in m.versions.items()}
    lines = [
        "# Speed" if options.device == "cpu" else "# Speed on a GPU",
        "",
        f"Medians of {options.rounds} interleaved measurements of at least {options.seconds:g} s, "
        f"in (d) of {options.runs} runs. "
        f"Each contender runs in its own process with {options.threads} threads, on {data}; "
        f"{gpu() if options.device == 'cuda' else processor()}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
        + ("" if load is None else f"; load before the start {load:.1f}")
        + ".",
        "",
        READING + MEMORY[options.device],
        "",
        f"![Time of a step over that of pyrovae, compiled]({figure.parent.name}/{figure.name})",
        "",
        *goals(found, options.device),
        *_profiles(profiles),
    ]
    for measurements in found:
        lines += ["", *_table(measurements)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def _table(measurements: Sequence[Measurement]) -> list[str]:
    case = measurements[0].case
    unit = UNITS.get(case.setting, "ms a step")
    lines = [
        f"## ({case.setting}) {case.network}, {case.name}",
        "",
        f"| | {unit} | range | ratio | check | MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    ours = measured(measurements, OURS)
    checks = [m.check for m in measurements if m.check is not None]
    for m in measurements:
        label = CONTENDERS[m.contender].label
        if m.left is not None or not m.values:
            lines.append(f"| {label} | {m.left or 'not measured'} | | | | |")
            continue
        slower = "" if ours is None else f"{ratio(m, ours):.2f}"
        check = "" if m.check is None else f"{m.check:.1f}{_mark(case, m.check, checks)}"
        peak = "" if m.peak is None else f"{m.peak:.0f}"
        spread = f"{_number(min(m.values))} to {_number(max(m.values))}"
        lines.append(
            f"| {label} | {_number(median(m.values))} | {spread} | {slower} | {check} | {peak} |"
        )
    return lines


def _profiles(profiles: Sequence[Profile]) -> list[str]:
    """A row for each case, a column for each kind of work that any of them has."""
    if not profiles:
        return []
    kinds = [k for k in profiles[0].kinds if any(p.kinds[k] >= 0.0005 for p in profiles)]
    lines = [
        "",
        "## Where the time of the compiled step goes",
        "",
        PROFILING,
        "",
        "| ms a step | " + " | ".join(kinds) + " | calls and waits | whole |",
        "|---" + "|---:" * (len(kinds) + 2) + "|",
    ]
    for profile in profiles:
        rest = profile.whole - sum(profile.kinds.values())
        values = [*(profile.kinds[kind] for kind in kinds), rest, profile.whole]
        name = f"({profile.case.setting}) {profile.case.name}"
        lines.append(f"| {name} | " + " | ".join(f"{v:.2f}" for v in values) + " |")
    return lines


def _mark(case: Case, check: float, checks: Sequence[float]) -> str:
    """A word on a check that is unlike the others', which says that the work differed."""
    if case.target is not None:  # each stops where it has passed the target
        return ""
    middle = median(checks)
    band = BAND.get(case.setting, 0.08)
    return " (differs)" if abs(check - middle) > band * abs(middle) else ""


def write_figure(path: Path, found: Sequence[Sequence[Measurement]]) -> None:
    """Draws bars: each contender's time over that of pyrovae, compiled, in each case."""
    cases = [(case, ours) for case in found if (ours := measured(case, OURS)) is not None]
    if not cases:
        return
    columns = min(3, len(cases))
    rows = -(-len(cases) // columns)
    figure = Figure(figsize=(4.6 * columns, 2.9 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (measurements, ours) in zip(axes, cases, strict=False):
        shown = [m for m in measurements if m.values]
        ratios = [ratio(m, ours) for m in shown]
        colours = ["#d1605e" if "pyrovae" in m.contender else "#9aa7b5" for m in shown]
        labels = [CONTENDERS[m.contender].label for m in shown]
        bars = axis.barh(labels, ratios, color=colours)
        numbers = axis.bar_label(bars, [f"{r:.2f}" for r in ratios], padding=2, fontsize=7)
        for number in numbers:  # some lie on the line at 1
            number.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
        axis.axvline(1, color="black", linewidth=0.8, zorder=0)
        axis.set_xlim(0, 1.15 * max(ratios))
        axis.invert_yaxis()
        axis.tick_params(labelsize=7)
        axis.set_title(f"({ours.case.setting}) {ours.case.name}", fontsize=9)
    for axis in axes[len(cases) :]:
        axis.remove()
    figure.supxlabel("time over that of pyrovae, compiled", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
