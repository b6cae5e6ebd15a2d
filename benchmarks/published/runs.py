"""Training by the command line: begun, gone on with, and stopped after so many minutes."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from benchmarks.published.protocols import Protocol
from pyrovae.cli.runs import Run

__all__ = ["Failed", "train"]


class Failed(RuntimeError):
    """A command ended with an error."""


def train(
    protocol: Protocol, folder: Path, *, seed: int, root: Path, budget: float | None
) -> None:
    """Trains a run to its end, or for as long as there is time; one that is there goes on.

    Args:
        protocol: Which result.
        folder: The run folder.
        seed: Seed of training.
        root: The folder of the data.
        budget: Minutes after which training stops, with a checkpoint; None is no limit, and 0
            trains nothing.

    Raises:
        Failed: If the command does.
    """
    if budget == 0 or _is_trained(folder):
        return
    words = ["resume", str(folder)]
    if not (folder / "checkpoint.pt").is_file():
        words = ["train", "--config", str(protocol.config), "--root", str(root)]
        words += [*_data(protocol, root), "--seed", str(seed), "--out", str(folder)]
    _run([*words, "--quiet"], folder, budget)


def _data(protocol: Protocol, root: Path) -> list[str]:
    """A file of data is found in the root, as named data are."""
    data = str(yaml.safe_load(protocol.config.read_text(encoding="utf-8")).get("data", ""))
    return ["--data", str(root / data)] if Path(data).suffix else []


def _is_trained(folder: Path) -> bool:
    """Whether training has ended, as was planned or early."""
    if not (folder / "checkpoint.pt").is_file():
        return False
    run = Run(folder)
    history = run.history()
    return history.stopped is not None or len(history) >= run.options(["epochs"])["epochs"]


def _run(words: Sequence[str], folder: Path, budget: float | None) -> None:
    """Runs a command of pyrovae, interrupting it when training has had its time."""
    process = subprocess.Popen([sys.executable, "-m", "pyrovae", *words])
    try:
        code = process.wait(None if budget is None else 60 * budget)
    except subprocess.TimeoutExpired:
        # What a run that is trained still has to do, its report, is not to be cut short.
        if not _is_trained(folder):
            process.send_signal(signal.SIGTERM)
            process.wait()  # whatever it was doing: the next call goes on from its checkpoint
            return
        code = process.wait()
    except BaseException:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise
    if code != 0:
        raise Failed(f"pyrovae {' '.join(words)}: ended with exit code {code}")
