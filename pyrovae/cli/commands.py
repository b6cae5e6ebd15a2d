"""The commands that work on finished runs."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyrovae import plots
from pyrovae.cli.figures import draw_figures, save_figure
from pyrovae.cli.parser import command_parser
from pyrovae.cli.runs import Run, held_out, load_data_of
from pyrovae.cli.train import report_dict
from pyrovae.evaluation import evaluate as evaluate_model
from pyrovae.files import atomic

__all__ = ["compare", "evaluate", "plot", "reconstruct", "sample"]


def evaluate(arguments: Sequence[str]) -> None:
    """Runs ``pyrovae evaluate``."""
    options = command_parser("evaluate").parse_args(list(arguments))
    run = Run(options.run)
    config = run.config()
    model = run.model(options.allow, options.device, data=options.data, root=options.root)
    data = load_data_of(config, data=options.data, root=options.root)
    if options.split not in ("train", "validation", "test"):
        raise ValueError(f"split: expected train, validation or test, got {options.split!r}")
    split = getattr(data, options.split)
    if split is None:
        raise ValueError(f"split: the run kept no {options.split} data, but {held_out(data)} data")
    train = None if options.split == "train" else data.train
    report = evaluate_model(model, split, train=train, samples=options.samples, seed=options.seed)
    run.write_report(report_dict(report, data, options.split, run.history(), config))
    print(f"{data.name}, {options.split} data: {report}")


def sample(arguments: Sequence[str]) -> None:
    """Runs ``pyrovae sample``."""
    options = command_parser("sample").parse_args(list(arguments))
    run = Run(options.run)
    model = run.model(options.allow, options.device)
    _check_out(options.out)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        if _is_array(options.out):
            _save_array(model.sample(options.n, draw=options.draw), options.out)
            return
        out = options.out or run.figures / "samples.png"
        # Asking the model for draws is what --draw changes: the figure draws means.
        save_figure(plots.samples(_Drawing(model) if options.draw else model, n=options.n), out)
    print(out)


def reconstruct(arguments: Sequence[str]) -> None:
    """Runs ``pyrovae reconstruct``."""
    options = command_parser("reconstruct").parse_args(list(arguments))
    run = Run(options.run)
    model = run.model(options.allow, options.device, data=options.data, root=options.root)
    data = load_data_of(run.config(), data=options.data, root=options.root)
    _check_out(options.out)
    (x, *_) = getattr(data, held_out(data)).take(options.n)
    if _is_array(options.out):
        _save_array(model.reconstruct(x, draw=options.draw), options.out)
        return
    out = options.out or run.figures / "reconstructions.png"
    save_figure(plots.reconstructions(_Drawing(model) if options.draw else model, x), out)
    print(out)


def plot(arguments: Sequence[str]) -> None:
    """Runs ``pyrovae plot``."""
    options = command_parser("plot").parse_args(list(arguments))
    run = Run(options.run)
    model = run.model(options.allow, options.device, data=options.data, root=options.root)
    data = load_data_of(run.config(), data=options.data, root=options.root)
    for name in draw_figures(run, model, data, run.history(), only=options.only):
        print(run.figures / name)


def compare(arguments: Sequence[str]) -> None:
    """Runs ``pyrovae compare``."""
    options = command_parser("compare").parse_args(list(arguments))
    runs = [Run(folder) for folder in options.runs]
    rows = [_row(run) for run in runs if run.report_file.is_file()]
    if not rows:
        raise ValueError(
            f"compare: expected runs with a report.json, found none in {', '.join(options.runs)}"
        )
    for run in runs:
        if not run.report_file.is_file():
            print(f"{run.folder}: left out, it has no report.json", file=sys.stderr)
    if options.csv is not None:
        with atomic(options.csv) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    for row in ({name: name for name in widths}, *rows):
        print("  ".join(row[name].ljust(width) for name, width in widths.items()).rstrip())
    protocols = {(row["data"], row["split"], row["binarization"]) for row in rows}
    if len(protocols) > 1:
        print(
            "these runs differ in data, split or binarization: their numbers do not compare",
            file=sys.stderr,
        )


def _row(run: Run) -> dict[str, str]:
    report = run.report()
    likelihood = report["log_likelihood"] or {}
    return {
        "run": run.folder.name,
        "data": report["dataset"]["name"],
        "split": report["split"],
        "binarization": report["binarization"],
        "model": report["model"].get("class", "VAE"),
        "prior": report["model"]["prior"] or "none",
        "posterior": report["model"]["posterior"] or "none",
        "likelihood": report["model"]["likelihood"],
        "objective": report["model"]["objective"],
        "latents": str(report["model"]["latent_features"]),
        "epochs": str(report["training"]["epochs"]),
        "elbo": _number(report["elbo"]),
        "kl": _number(report["kl"]),
        "log_p": _number(likelihood.get("value")),
        "data_se": _number(likelihood.get("data_se")),
        "S": str(likelihood.get("samples", "")),
        "active": "+".join(str(n) for n in report["active_units"].values()),
    }


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


class _Drawing:
    """A model whose samples and reconstructions are draws."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def sample(self, n: int) -> torch.Tensor:
        return self._model.sample(n, draw=True)

    def reconstruct(self, x: torch.Tensor) -> torch.Tensor:
        return self._model.reconstruct(x, draw=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _is_array(out: str | None) -> bool:
    return out is not None and Path(out).suffix == ".npy"


def _check_out(out: str | None) -> None:
    if out is not None and Path(out).suffix not in (".png", ".npy"):
        raise ValueError(f"out: expected a file name that ends in .png or .npy, got {out!r}")


def _save_array(values: torch.Tensor, out: str) -> None:
    with atomic(out) as temporary:
        np.save(temporary, values.cpu().numpy())
    print(out)
