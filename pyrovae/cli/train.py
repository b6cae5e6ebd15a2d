"""``pyrovae train`` and ``pyrovae resume``."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyro
import torch
from jsonargparse import Namespace

from pyrovae import __version__
from pyrovae.build import build
from pyrovae.cli.figures import draw_figures
from pyrovae.cli.parser import COMPONENTS, command_parser, config_text, parse_train, train_parser
from pyrovae.cli.runs import Run, check_writable, first_data, load_data_of, new_folder
from pyrovae.datasets import Data
from pyrovae.evaluation import Report, evaluate
from pyrovae.training import History, fit

__all__ = ["held_out", "report_dict", "resume", "train"]

FIT_OPTIONS = (
    "objective",
    "epochs",
    "batch_size",
    "optimizer",
    "scheduler",
    "beta",
    "patience",
    "clip_norm",
    "seed",
    "device",
)


def train(arguments: Sequence[str]) -> None:
    """Runs ``pyrovae train``."""
    config = parse_train(arguments)
    # Absolute, so that the run can be opened from any folder.
    config.root = str(Path(config.root).absolute())
    if Path(config.data).exists():
        config.data = str(Path(config.data).absolute())
    folder = Path(config.out) if config.out else new_folder(_name(config))
    check_writable(folder, overwrite=config.overwrite)
    _train(config, Run(folder), resuming=False)


def resume(arguments: Sequence[str]) -> None:
    """Runs ``pyrovae resume``."""
    options = command_parser("resume").parse_args(list(arguments))
    run = Run(options.run)
    stored = run.trusted_config(options.allow)
    if options.root is not None:
        stored["root"] = options.root
    if options.epochs is not None:
        stored["epochs"] = options.epochs
    stored["quiet"] = options.quiet
    config = train_parser().parse_object(stored)
    done = len(run.history())
    if done >= config.epochs:
        raise ValueError(
            f"{run.folder}: all {done} epochs are done; ask for more than that with --epochs"
        )
    _train(config, run, resuming=True)


def _train(config: Namespace, run: Run, *, resuming: bool) -> None:
    data = load_data_of(config.as_dict())
    if config.seed is not None:
        pyro.set_rng_seed(config.seed)
    specs = {key: config[key].as_dict() for key in COMPONENTS}
    model = build(
        data.shape,
        config.latent_features,
        **specs,
        pseudo_inputs=first_data(data, config.seed),
    )
    options = train_parser().instantiate(config)
    rows: list[dict[str, Any]] = list(run.history()) if resuming else []

    def on_epoch(row: dict[str, Any]) -> None:
        rows.append(row)
        if row["epoch"] == 1 or resuming:
            run.write_config(config_text(config))
        History(rows).save(run.history_file)

    try:
        history = fit(
            model,
            data,
            **{name: options[name] for name in FIT_OPTIONS},
            progress=not config.quiet,
            on_epoch=on_epoch,
            checkpoint=run.checkpoint,
            resume=resuming,
        )
    except KeyboardInterrupt:
        if rows:
            print(f"interrupted; go on with: pyrovae resume {run.folder}", file=sys.stderr)
        raise
    split = held_out(data)
    report = evaluate(
        model,
        getattr(data, split),
        train=data.train if split != "train" else None,
        samples=config.samples,
    )
    run.write_report(report_dict(report, data, split, history, config.as_dict()))
    figures = list(draw_figures(run, model, data, history))
    if not config.quiet:
        if history.stopped:
            print(f"stopped early: {history.stopped}")
        print(f"{data.name}, {split} data: {report}")
        print(f"{run.folder}: config.yaml, checkpoint.pt, history.csv, report.json")
        print(f"{run.figures}: {', '.join(figures)}")


def held_out(data: Data) -> str:
    """The name of the split to report on: test, else validation, else the training data."""
    return next(name for name in ("test", "validation", "train") if getattr(data, name))


def report_dict(
    report: Report, data: Data, split: str, history: History, config: dict[str, Any]
) -> dict[str, Any]:
    """The report with what it is a report of, as plain values."""
    parts = {key: _short(config[key]) for key in (*COMPONENTS, "objective")}
    last = history[-1] if len(history) else {}
    return {
        "split": split,
        **report.to_dict(),
        "dataset": data.describe(),
        "model": {"latent_features": config["latent_features"], **parts},
        "training": {
            "epochs": len(history),
            "best_epoch": history.best_epoch,
            "stopped": history.stopped,
            "loss": last.get("loss"),
            "seconds": sum(row["seconds"] for row in history),
        },
        "versions": {"pyrovae": __version__, "torch": torch.__version__, "pyro": pyro.__version__},
    }


def _short(spec: Any) -> str:
    """A class's name with the arguments that were given, for tables."""
    if not isinstance(spec, dict):
        return str(spec)
    return str(spec["class_path"]).rpartition(".")[2]


def _name(config: Namespace) -> str:
    parts = [
        Path(config.data).stem,
        _short(config.prior.as_dict()),
        _short(config.objective.as_dict()),
    ]
    return "-".join(part for part in parts if part)
