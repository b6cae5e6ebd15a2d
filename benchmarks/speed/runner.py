"""The parent: starts a worker for each contender and gives them their turns."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.speed.cases import Case
from benchmarks.speed.contenders import CONTENDERS
from benchmarks.speed.contenders.by_hand import Network
from benchmarks.speed.data import Task, binarized, read_weights, write_task
from benchmarks.speed.turns import Weights

__all__ = ["Measurement", "Options", "begin_task", "environment", "measure"]

ROOT = Path(__file__).parent.parent.parent
# A contender that does not answer for so long is left out; compiling takes a minute at most.
PATIENCE = 300.0


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        rounds: Measurements of each contender, one contender after the other in each round.
        seconds: Least time of one measurement.
        most: A contender that has taken more seconds than that in a case is not measured again.
        threads: Threads of each contender.
        epochs: Most passes over the data on the way to a target.
        peers_python: Interpreter for the contenders that need the extra ``bench``.
        cache: Where compiled code is kept from case to case (not on the way to a target).
    """

    rounds: int = 5
    seconds: float = 0.5
    most: float = 15.0
    threads: int = 1
    epochs: int = 30
    peers_python: Path = Path(sys.executable)
    cache: Path = Path(tempfile.gettempdir()) / "pyrovae-speed"


@dataclass
class Measurement:
    """What was found of a contender in a case.

    Attributes:
        contender: A key of `CONTENDERS`.
        case: The case.
        values: Milliseconds of a step; of importance sampling images times samples per second;
            on the way to a target seconds; one number for each round.
        check: What shows that all do the same work: the bound of held-out images after as many
            steps from the same weights; the estimated log-likelihood; the last test ELBO.
        peak: The process's largest resident memory, in MiB.
        versions: Its packages.
        left: Why it was left out or stopped, where it was.
        failed: Whether that was an error.
    """

    contender: str
    case: Case
    values: list[float] = field(default_factory=list)
    check: float | None = None
    peak: float | None = None
    versions: dict[str, str] = field(default_factory=dict)
    left: str | None = None
    failed: bool = False


def begin_task(folder: Path, case: Case, images: np.ndarray) -> np.ndarray:
    """Writes the weights and images that every contender of a case begins with.

    Args:
        folder: Where to write them.
        case: What to measure.
        images: Grey training images, uint8, ``(n, 784)``.

    Returns:
        The images of the case, uint8, binarized where it says so.
    """
    torch.manual_seed(0)
    chosen = images[: case.images]
    if case.binarization == "static":
        chosen = binarized(chosen, seed=0)
    write_task(folder, case, chosen, Network(case).weights())
    return chosen


def environment(threads: int, compiled: Path) -> dict[str, str]:
    """The variables of a process to be measured.

    Args:
        threads: Number of threads.
        compiled: Where compiled code is kept.
    """
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TORCHINDUCTOR_CACHE_DIR": str(compiled / "inductor"),
        "TRITON_CACHE_DIR": str(compiled / "triton"),
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
    }


class LeftOut(Exception):
    """A worker gave up; the message says why."""

    def __init__(self, reason: str, *, failed: bool) -> None:
        super().__init__(reason)
        self.failed = failed


class Worker:
    """A contender's process.

    Args:
        name: A key of `CONTENDERS`.
        folder: The task.
        options: How to measure.
        cold: Whether it begins without anything compiled earlier.
    """

    def __init__(self, name: str, folder: Path, options: Options, *, cold: bool = False) -> None:
        self.name = name
        self.files = Path(tempfile.mkdtemp(dir=folder, prefix=f"{name}-"))
        compiled = self.files if cold else options.cache
        python = options.peers_python if CONTENDERS[name].peer else Path(sys.executable)
        self.log = (self.files / "log").open("w")
        self.process = subprocess.Popen(
            [str(python), "-m", "benchmarks.speed.worker", name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment(options.threads, compiled),
            bufsize=0,
        )
        # XLA sizes its pool of threads by the cores that a process may run on.
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))[: options.threads]
            os.sched_setaffinity(self.process.pid, cores)
        self.buffer = b""

    def ask(self, **order: Any) -> dict[str, Any]:
        """Gives an order and waits for the answer.

        Raises:
            LeftOut: If the worker says that it cannot, ends, or does not answer.
        """
        try:
            self.process.stdin.write((json.dumps(order) + "\n").encode())  # type: ignore[union-attr]
        except BrokenPipeError:
            pass  # its last words say why
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Waits for an answer.

        Raises:
            LeftOut: If it is that the worker cannot, or there is none.
        """
        until = time.monotonic() + PATIENCE
        stdout = self.process.stdout
        assert stdout is not None
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([stdout], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise LeftOut(f"failed: no answer in {PATIENCE:.0f} s", failed=True)
            chunk = os.read(stdout.fileno(), 65536)
            if not chunk:
                raise LeftOut(f"failed: it ended{self.last_line()}", failed=True)
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        message = json.loads(line)
        if "left" in message:
            raise LeftOut(message["left"], failed=message.get("failed", False))
        return message

    def last_line(self) -> str:
        """The last thing that it said, which is likely the reason."""
        lines = (self.files / "log").read_text(errors="replace").strip().splitlines()
        return f" ({lines[-1][:200]})" if lines else ""

    def weights(self) -> Weights | None:
        """Its weights as they are now, where it has any."""
        path = self.files / "weights.npz"
        return read_weights(path) if self.ask(weights=str(path))["saved"] else None

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.stdout.close()  # type: ignore[union-attr]
        self.log.close()


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
        images: Grey training images, uint8, ``(n, 784)``, at least as many as the case takes.
        held_out: Grey images to compare the bounds on, likewise.
        options: How to measure.
        say: Called with a line about each contender.
    """
    names = [name for name in names if case.setting in CONTENDERS[name].settings]
    found = {name: Measurement(name, case) for name in names}
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        drawn = begin_task(folder, case, images)
        if case.samples:
            write_task(folder, case, drawn, _trained(folder, case, binarized(images, seed=1)))
        if case.binarization != "none":
            held_out = binarized(held_out, seed=2)
        x = torch.from_numpy(held_out.astype(np.float32) / 255)
        if case.target is not None:
            for measurement in found.values():
                _to_target(measurement, folder, x, options)
        else:
            _interleaved(found, folder, x, options)
    for name, measurement in found.items():
        say(f"  {CONTENDERS[name].label}: {_in_words(measurement)}")
    return list(found.values())


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
    measurement: Measurement, folder: Path, held_out: torch.Tensor, options: Options
) -> None:
    """Trains half an epoch at a time until the test ELBO, taken off the clock, is reached."""
    case = measurement.case
    target = case.target
    assert target is not None
    seconds, before = 0.0, (0.0, -float("inf"))
    with _reasons(measurement):
        worker = Worker(measurement.contender, folder, options, cold=True)
        try:
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
                    measurement.values = [earlier + share * (seconds - earlier)]
                    return
                before = seconds, measurement.check
            measurement.left = f"not reached in {options.epochs} epochs and {seconds:.0f} s"
        finally:
            worker.close()


@torch.no_grad()
def bound(case: Case, weights: Weights, images: torch.Tensor) -> float:
    """The bound of images under weights, in nats per image: one measure for all contenders."""
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    network = Network(case).take(weights)
    losses = [network(x, network.noise(len(x))) * len(x) for x in images.split(500)]
    torch.random.set_rng_state(state)
    return -torch.stack(losses).sum().item() / len(images)


def _trained(folder: Path, case: Case, images: np.ndarray) -> Weights:
    """Weights after a pass over the images, so that there is a posterior to draw from."""
    task = Task(folder)
    network = Network(case).take(task.weights())
    optim = torch.optim.Adam(network.parameters(), lr=1e-3)
    x = torch.from_numpy(images.astype(np.float32) / 255)
    for batch in x.split(128):
        optim.zero_grad()
        network(batch, network.noise(len(batch))).backward()
        optim.step()
    return network.weights()


def _in_words(measurement: Measurement) -> str:
    if measurement.left is not None:
        return f"left out, {measurement.left}"
    unit = "images x samples / s" if measurement.case.samples else "ms"
    if measurement.case.target is not None:
        unit = "s"
    return f"{float(np.median(measurement.values)):.4g} {unit}"
