"""What was aimed at, and what was reached."""

from collections.abc import Sequence
from statistics import median

from benchmarks.speed.cases import Device
from benchmarks.speed.contenders import CONTENDERS
from benchmarks.speed.measurement import Measurement

__all__ = ["OURS", "goals", "measured", "ratio"]

OURS = "pyrovae-compiled"
# Times the time to a target of Pyro's SVI: without and with what an earlier process compiled.
TO_TARGET = [(OURS, 0.7), ("pyrovae-warm", 0.45)]
# Contender, setting, batch sizes, and by how much a compiled step is to be faster.
GOALS = [
    ("numpyro-loop", "ab", None, 1.0),
    ("pyro-example", "a", 128, 6.0),
    ("pyro-svi", "a", 128, 2.0),
    ("pyro-svi", "a", 16, 4.0),
    ("torch-compiled", "abc", None, 1.0),
]
FLOOR = 1.4  # times the matrix products, at batch 128 on data binarized before
# On a GPU: times the best of the others, everywhere, and times the floor, from that batch size on.
BEST_PEER, GPU_FLOOR, GPU_BATCH = 1.1, 2.0, 512


def goals(found: Sequence[Sequence[Measurement]], device: Device) -> list[str]:
    """The table of goals of a page."""
    lines = ["| pyrovae, compiled, against | case | goal | measured |", "|---|---|---:|---:|"]
    return lines + (_on_cpu(found) if device == "cpu" else _on_gpu(found))


def _on_cpu(found: Sequence[Sequence[Measurement]]) -> list[str]:
    lines = []
    for name, settings, batch, goal in GOALS:
        for measurements in found:
            case = measurements[0].case
            ours, theirs = measured(measurements, OURS), measured(measurements, name)
            if case.setting not in settings or (batch and case.batch != batch):
                continue
            if ours is None or theirs is None:
                continue
            found_ratio = ratio(theirs, ours)
            mark = "" if found_ratio >= goal else " (missed)"
            times = f"{goal:g} times as fast"
            where = f"({case.setting}) {case.name}"
            lines.append(
                f"| {CONTENDERS[name].label} | {where} | {times} | {found_ratio:.2f}{mark} |"
            )
    for measurements in found:
        case = measurements[0].case
        ours, floor = measured(measurements, OURS), measured(measurements, "floor")
        if (case.setting, case.batch, case.binarization) != ("a", 128, "static"):
            continue
        if ours is not None and floor is not None:
            slower = 1 / ratio(floor, ours)
            mark = "" if slower <= FLOOR else " (missed)"
            lines.append(
                f"| {CONTENDERS['floor'].label} | (a) {case.name} | at most {FLOOR:g} times as "
                f"slow | {slower:.2f}{mark} |"
            )
    return lines + _to_target(found)


def _to_target(found: Sequence[Sequence[Measurement]]) -> list[str]:
    lines = []
    for measurements in found:
        case, theirs = measurements[0].case, measured(measurements, "pyro-svi")
        if case.target is None or theirs is None:
            continue
        for name, most in TO_TARGET:
            ours = measured(measurements, name)
            if ours is not None:
                share = ratio(ours, theirs)
                mark = "" if share <= most else " (missed)"
                lines.append(
                    f"| {CONTENDERS['pyro-svi'].label} | (d) {CONTENDERS[name].label} | at most "
                    f"{most:g} of its time | {share:.2f}{mark} |"
                )
    return lines


def _on_gpu(found: Sequence[Sequence[Measurement]]) -> list[str]:
    lines = []
    for measurements in found:
        case = measurements[0].case
        ours = measured(measurements, OURS)
        if ours is None:
            continue
        peers = [m for m in measurements if m.values and not m.left and _is_peer(m.contender)]
        ratios = [ratio(m, ours) for m in peers]
        aims = [(peers[ratios.index(min(ratios))], BEST_PEER)] if peers else []
        floor = measured(measurements, "roofline")
        if floor is not None and case.batch >= GPU_BATCH:
            aims.append((floor, GPU_FLOOR))
        for aim, most in aims:
            slower = 1 / ratio(aim, ours)
            mark = "" if slower <= most else " (missed)"
            lines.append(
                f"| {CONTENDERS[aim.contender].label} | ({case.setting}) {case.name} | at most "
                f"{most:g} times as slow | {slower:.2f}{mark} |"
            )
    return lines


def _is_peer(name: str) -> bool:
    return not name.startswith("pyrovae") and name not in ("floor", "roofline")


def ratio(theirs: Measurement, ours: Measurement) -> float:
    """By how much slower it is than ours, round by round."""
    rounds = zip(theirs.values, ours.values, strict=False)  # a slow one may have had fewer
    return median(b / a if ours.case.samples else a / b for a, b in rounds)


def measured(measurements: Sequence[Measurement], name: str) -> Measurement | None:
    """What was found of a contender, where it was measured."""
    return next((m for m in measurements if m.contender == name and m.values and not m.left), None)
