"""How to measure, and what was found."""

import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.speed.cases import Case, Device

__all__ = ["Measurement", "Options"]


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        rounds: Measurements of each contender, one contender after the other in each round.
        seconds: Least time of one measurement.
        most: A contender that has taken more seconds than that in a case is not measured again.
        threads: Threads of each contender.
        device: Where they calculate.
        epochs: Most passes over the data on the way to a target.
        runs: How often each contender is trained to a target.
        peers_python: Interpreter for the contenders that need the extra ``bench``.
        cache: Where compiled code is kept from case to case (not on the way to a target).
    """

    rounds: int = 5
    seconds: float = 0.5
    most: float = 15.0
    threads: int = 1
    device: Device = "cpu"
    epochs: int = 30
    runs: int = 3
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
        peak: The process's largest memory, in MiB: on the CPU resident, on a GPU in its arrays.
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
