"""The parent: starts a worker for each contender and gives them their turns."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from math import ceil
from pathlib import Path

import numpy as np
import torch

from benchmarks.speed.bounds import begin_task, bound, trained
from benchmarks.speed.cases import Case
from benchmarks.speed.contenders import CONTENDERS
from benchmarks.speed.data import binarized, write_task
from benchmarks.speed.measurement import Measurement, Options
from benchmarks.speed.process import LeftOut, Worker

__all__ = ["measure"]


def measure(
    case: Case,
    names: Sequence[str],
    images: np.ndarray,
    held_out: np.ndarray,
    options: Options,
    say: Callable[[str], None] = print,
) -> list[Measurement]:
    """Measures contenders side by side on a case.

    Args:
        case: What to measure.
        names: Keys of `CONTENDERS`.
        images: Grey training images, uint8, ``(n, pixels)``, at least as many as the case takes.
        held_out: Grey images to compare the bounds on, likewise.
        options: How to measure.
        say: Called with a line about each contender.
    """
    names = [name for name in names if takes_part(name, case, options)]
    found = {name: Measurement(name, case) for name in names}
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        drawn = begin_task(folder, case, images)
        if case.samples:
            write_task(folder, case, drawn, trained(folder, case, binarized(images, seed=1)))
        if case.binarization != "none":
            held_out = binarized(held_out, seed=2)
        x = torch.from_numpy(held_out.astype(np.float32) / 255)
        if case.target is not None:
            _to_target(found, folder, x, options)
        else:
            _interleaved(found, folder, x, options)
    for name, measurement in found.items():
        say(f"  {CONTENDERS[name].label}: {_in_words(measurement)}")
    return list(found.values())


def takes_part(name: str, case: Case, options: Options) -> bool:
    """Whether a contender is for a case, and for where it is measured."""
    contender = CONTENDERS[name]
    return case.setting in contender.settings and options.device in contender.devices


@contextmanager
def _reasons(measurement: Measurement) -> Iterator[None]:
    """Notes why a contender stops, and goes on without it."""
    try:
        yield
    except LeftOut as reason:
        measurement.left, measurement.failed = str(reason), reason.failed


def _interleaved(
    found: dict[str, Measurement], folder: Path, held_out: torch.Tensor, options: Options
) -> None:
    workers: dict[str, Worker] = {}
    epochs: dict[str, int] = {}

    def start(name: str) -> None:
        """Imports, compiles and goes through a first epoch, several contenders at a time."""
        with _reasons(found[name]):
            worker = workers[name] = Worker(name, folder, options)
            found[name].versions = worker.answer()["versions"]
            worker.ask(go=1)

    def prepare(name: str) -> None:
        """Goes through a second epoch alone, to know its time; then the bounds are compared."""
        with _reasons(found[name]):
            answer = workers[name].ask(go=1)
            epochs[name] = max(1, ceil(options.seconds / answer["seconds"]))
            found[name].check = answer["result"]
            weights = workers[name].weights()
            if weights is not None:
                found[name].check = bound(found[name].case, weights, held_out)

    try:
        with ThreadPoolExecutor(max(1, os.cpu_count() or 1)) as pool:
            list(pool.map(start, found))
        for name, measurement in found.items():
            if measurement.left is None:
                prepare(name)
        spent = dict.fromkeys(epochs, 0.0)
        for turn in range(options.rounds):
            order = list(epochs)
            for name in order[turn % len(order) :] + order[: turn % len(order)] if order else []:
                if found[name].left is not None or spent[name] > options.most:
                    continue
                with _reasons(found[name]):
                    answer = workers[name].ask(go=epochs[name])
                    spent[name] += answer["seconds"]
                    seconds = answer["seconds"] / epochs[name]
                    found[name].values.append(_value(found[name].case, seconds))
                    found[name].peak = answer["peak"]
    finally:
        for worker in workers.values():
            worker.close()


def _value(case: Case, seconds: float) -> float:
    if case.samples:
        return case.images * case.samples / seconds
    return 1000 * seconds / case.steps


def _to_target(
    found: dict[str, Measurement], folder: Path, held_out: torch.Tensor, options: Options
) -> None:
    for name, measurement in found.items():
        if CONTENDERS[name].warm:
            with _reasons(measurement), closing(Worker(name, folder, options)) as worker:
                worker.answer()
                worker.ask(go=1)  # compiles
    for _ in range(options.runs):
        for measurement in found.values():
            if measurement.left is None:
                with _reasons(measurement):
                    _one_run(measurement, folder, held_out, options)


def _one_run(
    measurement: Measurement, folder: Path, held_out: torch.Tensor, options: Options
) -> None:
    """Trains half an epoch at a time until the test ELBO, taken off the clock, is reached."""
    case, name = measurement.case, measurement.contender
    target = case.target
    assert target is not None
    seconds, before = 0.0, (0.0, -float("inf"))
    with closing(Worker(name, folder, options, cold=not CONTENDERS[name].warm)) as worker:
        measurement.versions = worker.answer()["versions"]
        for _ in range(options.epochs * case.images // (case.batch * case.steps)):
            answer = worker.ask(go=1)
            seconds += answer["seconds"]
            measurement.peak = answer["peak"]
            weights = worker.weights()
            assert weights is not None
            measurement.check = bound(case, weights, held_out)
            if measurement.check >= target:
                # Between two evaluations the bound rises about linearly.
                earlier, lower = before
                share = (target - lower) / (measurement.check - lower)
                if lower == -float("inf"):
                    share = 1.0
                measurement.values.append(earlier + share * (seconds - earlier))
                return
            before = seconds, measurement.check
    # With the bound: one that is far off says that it trains something else.
    measurement.left = (
        f"not reached in {options.epochs} epochs and {seconds:.0f} s, bound {before[1]:.1f}"
    )


def _in_words(measurement: Measurement) -> str:
    if measurement.left is not None:
        return f"left out, {measurement.left}"
    unit = "images x samples / s" if measurement.case.samples else "ms"
    if measurement.case.target is not None:
        unit = "s"
    return f"{float(np.median(measurement.values)):.4g} {unit}"
