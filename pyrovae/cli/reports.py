"""What ``report.json`` says beside the numbers: of which model, data and training they are."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyro
import torch

from pyrovae import __version__
from pyrovae.cli.signatures import class_parameters
from pyrovae.datasets import Data
from pyrovae.evaluation import Report
from pyrovae.specifications import SLOTS, resolve
from pyrovae.training import History

__all__ = [
    "BOUND",
    "PARTS",
    "evidence_name",
    "is_report_of",
    "number",
    "reading",
    "report_dict",
    "sharpened",
]

#: What a model is put together from.
PARTS = ("model", "prior", "posterior", "likelihood", "encoder", "decoder")

#: What stands for log p(x) in a report of a model whose codes are not drawn.
BOUND = "bound on log p(x)"


def report_dict(
    report: Report,
    model: Any,
    data: Data,
    split: str,
    history: History,
    options: dict[str, Any],
    *,
    weights: str,
    averaged: bool = False,
) -> dict[str, Any]:
    """The report with what it is a report of, as plain values.

    Args:
        report: The numbers.
        model: The model.
        data: Its data.
        split: Of which of them.
        history: Its training.
        options: Those of the run.
        weights: The digest of the weights that the report is of.
        averaged: Whether they are a moving average.
    """
    parts = {key: _short(options.get(key), key) for key in (*PARTS, "objective", "adversary")}
    parts["class"] = parts.pop("model")
    numbers = report.to_dict()
    numbers["warnings"] = [*numbers["warnings"], *sharpened(options)]
    return {
        "split": split,
        "averaged": averaged,
        "weights": weights,
        **numbers,
        "dataset": data.describe(),
        "model": {
            "latent_features": options["latent_features"],
            **parts,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
        },
        "training": _training(history),
        "versions": {
            "pyrovae": __version__,
            "torch": torch.__version__,
            "pyro": pyro.__version__,
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
        },
    }


def sharpened(options: dict[str, Any]) -> list[str]:
    """Says of a model that was trained against an adversary what its numbers are not."""
    if options.get("adversary") is None:
        return []
    name = str(_short(options["adversary"], "adversary"))
    said = (
        f"it was trained against {name}: the loss that training lowered bounds nothing; the numbers "
        "are the plain bound of its programs, which is not what was maximised"
    )
    return [said]


@contextmanager
def reading(report_file: Path) -> Iterator[None]:
    """Says of whatever goes wrong with what a report lacks, or has in its place, which it is.

    Raises:
        ValueError: In one sentence.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{report_file}: expected a report, but {reason}") from None


def evidence_name(report: dict[str, Any]) -> str:
    """What the number is that a report has for log p(x)."""
    if not report["is_density"]:
        return "cross-entropy"
    return BOUND if report["is_bound"] else "log p(x)"


def number(value: Any, digits: int = 2) -> str:
    """A number of a report, as people read it; whatever else there is, is undefined.

    Args:
        value: The value.
        digits: How many decimals.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "undefined"
    try:
        value = float(value)
    except OverflowError:  # JSON has whole numbers of any length
        return "undefined"
    return f"{value:.{digits}f}" if abs(value) < 1e9 else f"{value:.3g}"


def is_report_of(report: dict[str, Any], weights: str, history: History) -> bool:
    """Whether a report is of these weights, and of the training that ended with them."""
    return report.get("weights") == weights and report.get("training") == _training(history)


def _training(history: History) -> dict[str, Any]:
    last = history[-1] if len(history) else {}
    return {
        "epochs": len(history),
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "loss": last.get("loss"),
        "seconds": sum(row["seconds"] for row in history),
    }


def _short(spec: Any, slot: str) -> str | None:
    """A class's name with the arguments that are not its defaults, for tables."""
    if spec is None:  # the model has no such part
        return None
    if not isinstance(spec, dict):
        return str(spec)
    path, arguments = str(spec.get("class_path")), spec.get("init_args")
    if not isinstance(arguments, dict):  # a stranger's run may hold anything there
        arguments = {}
    try:  # only a class that any file may name
        known = class_parameters(resolve(path, SLOTS[slot]))
    except ValueError:
        known = {}
    given = {
        name: value
        for name, value in arguments.items()
        if not isinstance(value, dict)
        and not (name in known and value == _listed(known[name].default))
    }
    name = path.rpartition(".")[2]
    shown = ", ".join(f"{key}={value}" for key, value in given.items())
    return f"{name}({shown})" if shown else name


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
