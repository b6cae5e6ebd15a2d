"""``pyrovae train`` and ``pyrovae resume``."""

import importlib
import inspect
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
from pyrovae.cli.parser import (
    COMPONENTS,
    UNASKED,
    command_parser,
    config_text,
    parse_train,
    train_parser,
)
from pyrovae.cli.runs import (
    Run,
    absolute,
    check_writable,
    first_data,
    held_out,
    load_data_of,
    new_folder,
)
from pyrovae.datasets import Data
from pyrovae.datasets.load import NAMES
from pyrovae.evaluation import Report, evaluate
from pyrovae.training import History, fit

__all__ = ["report_dict", "resume", "train"]

FIT_OPTIONS = tuple(
    name for name in inspect.signature(fit).parameters if name not in UNASKED - {"device"}
)


def train(arguments: Sequence[str]) -> None:
    """Runs ``pyrovae train``."""
    config = parse_train(arguments)
    # Absolute, so that the run can be opened from any folder.
    config.root = absolute(config.root)
    if config.data not in NAMES and Path(config.data).expanduser().exists():
        config.data = absolute(config.data)
    folder = Path(config.out) if config.out else new_folder(_name(config))
    check_writable(folder, overwrite=config.overwrite)
    _train(config, Run(folder), resuming=False)


def resume(arguments: Sequence[str]) -> None:
    """Runs ``pyrovae resume``."""
    options = command_parser("resume").parse_args(list(arguments))
    run = Run(options.run)
    stored = run.trusted_config(options.allow)
    for name in ("data", "root"):
        if options[name] is not None:
            known = name == "data" and options[name] in NAMES
            stored[name] = options[name] if known else absolute(options[name])
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
    specs = {key: config[key].as_dict() for key in COMPONENTS if config.get(key) is not None}
    model = build(
        data.shape,
        config.latent_features,
        **specs,
        pseudo_inputs=lambda: first_data(data, config.seed),
        allow={spec["class_path"].split(".")[0] for spec in specs.values()},
    )
    # An objective, or one within it, may ask for what only the data know.
    for name, value in list(config.items()):
        if name.startswith("objective.") and name.endswith(".data_size") and value is None:
            config[name] = len(data.train)
    options = train_parser().instantiate(config)
    rows: list[dict[str, Any]] = list(run.history()) if resuming else []

    def on_epoch(row: dict[str, Any]) -> None:
        rows.append(row)
        if row["epoch"] == 1:
            run.clear()
        if len(rows) == 1 or resuming:
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
    if not config.quiet:
        if history.stopped:
            print(f"stopped early: {history.stopped}")
        print(f"{data.name}, {split} data: {report}")
        print(f"{run.folder}: config.yaml, checkpoint.pt, history.csv, report.json")
    figures = list(draw_figures(run, model, data, history))
    if not config.quiet:
        print(f"{run.figures}: {', '.join(figures)}")


def report_dict(
    report: Report, data: Data, split: str, history: History, config: dict[str, Any]
) -> dict[str, Any]:
    """The report with what it is a report of, as plain values."""
    parts = {key: _short(config.get(key)) for key in (*COMPONENTS, "objective")}
    parts["class"] = parts.pop("model") or "VAE"
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


def _short(spec: Any) -> str | None:
    """A class's name with the arguments that are not its defaults, for tables."""
    if spec is None:  # the model has no such part
        return None
    if not isinstance(spec, dict):
        return str(spec)
    module, _, name = str(spec["class_path"]).rpartition(".")
    defaults = {}
    # A run's configuration is read here, too, and only our own classes are safe to import.
    if module.split(".")[0] == "pyrovae":
        cls = getattr(importlib.import_module(module), name)
        defaults = {k: p.default for k, p in inspect.signature(cls).parameters.items()}
    given = {
        key: value
        for key, value in (spec.get("init_args") or {}).items()
        if value != defaults.get(key) and not isinstance(value, dict)
    }
    arguments = ", ".join(f"{key}={value}" for key, value in given.items())
    return f"{name}({arguments})" if arguments else name


def _name(config: Namespace) -> str:
    first = config.prior or config.model
    classes = (first.class_path, config.objective.class_path)
    return "-".join([Path(config.data).stem, *(path.rpartition(".")[2] for path in classes)])
