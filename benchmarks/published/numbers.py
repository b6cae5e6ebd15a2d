"""What a trained run says: the number that was published, with its errors."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from benchmarks.published.protocols import Protocol
from pyrovae import evaluate, score
from pyrovae.cli.reports import is_report_of, report_dict
from pyrovae.cli.runs import Run, held_out
from pyrovae.datasets import Split
from pyrovae.programs import Program

__all__ = ["Number", "bound", "measure"]

PARTS = 4  # in which the draws of a bound are made, to see how much they vary


@dataclass(frozen=True)
class Number:
    """The result of one run.

    Attributes:
        value: The number.
        mc_se: Its standard error from the draws, where there are draws.
        data_se: Its standard error from the test data.
        samples: Draws S for each datum; None of a number without draws.
        epochs: Passes over the training data.
        planned: Passes that the protocol allows.
        best_epoch: The epoch whose weights were kept, if not the last one's.
        minutes: Minutes of training, by the clock.
        stopped: Why training ended before its last epoch, if it did by itself.
        warnings: What the report warns of.
        also: Other numbers of the same run, by name.
    """

    value: float
    mc_se: float | None
    data_se: float | None
    samples: int | None
    epochs: int
    planned: int
    best_epoch: int | None
    minutes: float
    stopped: str | None
    warnings: list[str] = field(default_factory=list)
    also: dict[str, float] = field(default_factory=dict)


def measure(protocol: Protocol, folder: Path) -> Number | None:
    """The number of a run of ``pyrovae train``; None of one that has not finished an epoch.

    A report that is lacking, or of other weights, is made first, with the protocol's S.
    """
    if not (folder / "checkpoint.pt").is_file():
        return None
    run = Run(folder)
    history = run.history()
    if not len(history):
        return None
    options = run.options(["epochs", "samples"])
    report = _report(run, options["samples"])
    also = {name: report[name] for name in ("elbo", "reconstruction", "kl")}
    value, mc, data, samples = _value(protocol, run, history, report)
    likelihood = report["log_likelihood"]
    if protocol.quantity != "loss":
        also["log_likelihood"], also["ess"] = likelihood["value"], likelihood["ess"]
    return Number(
        value,
        mc,
        data,
        samples,
        epochs=len(history),
        planned=options["epochs"],
        best_epoch=history.best_epoch,
        minutes=sum(row["seconds"] for row in history) / 60,
        stopped=history.stopped,
        warnings=list(report["warnings"]),
        also=also,
    )


def _value(
    protocol: Protocol, run: Run, history: Any, report: dict[str, Any]
) -> tuple[float, float | None, float | None, int | None]:
    """The value, its two errors, and S."""
    if protocol.quantity == "loss":
        return history[-1]["loss"], None, None, None
    if protocol.quantity == "elbo":
        return bound(run.model(), run.split(), report["log_likelihood"]["samples"])
    found = report["log_likelihood"]
    errors = [found["mc_se"], found["data_se"]]
    value = found["value"]
    if protocol.quantity == "bits_per_dim":
        value = report["bits_per_dim"]
        nats = value / -found["value"]  # bits per dimension of a nat
        errors = [None if error is None else nats * error for error in errors]
    return value, errors[0], errors[1], found["samples"]


def bound(model: Program, split: Split, samples: int) -> tuple[float, float, float, int]:
    """The mean ELBO, its error from the draws and from the data, and the draws for each datum.

    It is made in parts with draws of their own, whose spread is the error from the draws.
    """
    each = math.ceil(samples / PARTS)
    bounds = [
        score(model, split, samples=each, seed=seed).columns["elbo"] for seed in range(PARTS)
    ]
    means = [part.mean().item() for part in bounds]
    of_each = torch.stack(bounds).mean(0)
    mc = stdev(means) / math.sqrt(PARTS)
    return mean(means), mc, of_each.std().item() / math.sqrt(len(of_each)), PARTS * each


def _report(run: Run, samples: int) -> dict[str, Any]:
    """The run's report, made anew if it is of other weights or of fewer draws."""
    history = run.history()
    try:
        report = run.report()
        draws = (report.get("log_likelihood") or {}).get("samples")
        if is_report_of(report, run.weights(), history) and draws == samples:
            return report
    except (OSError, ValueError):
        pass
    name = held_out(run.data)
    train = None if name == "train" else run.data.train
    model = run.model()
    found = evaluate(model, run.split(name), train=train, samples=samples)
    weights = run.weights()
    report = report_dict(found, model, run.data, name, history, run.named(), weights=weights)
    run.write_report(report)
    return report
