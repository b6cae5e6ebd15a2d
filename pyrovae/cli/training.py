"""What ``pyrovae train`` and ``pyrovae resume`` do once their options are known."""

import shlex
import signal
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyro
from torch import Tensor

from pyrovae.build import build, sees_counts, sees_masks
from pyrovae.cli.choices import change
from pyrovae.cli.errors import Failed, Stopped
from pyrovae.cli.finish import finish
from pyrovae.cli.folders import locked, taken
from pyrovae.cli.options import Typed
from pyrovae.cli.runs import DATA_OPTIONS, Run
from pyrovae.cli.saying import say
from pyrovae.cli.settings import (
    FIT_OPTIONS,
    MODEL_OPTIONS,
    asked,
    choose_binarization,
    know_data,
    make_adversary,
    settle,
)
from pyrovae.cli.several import held_by_first, restarted
from pyrovae.cli.splits import first_data
from pyrovae.cli.tables import said_kinds, usual
from pyrovae.datasets import Data, load_data
from pyrovae.datasets.load import NAMES
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.ranks import present
from pyrovae.specifications import dump_yaml
from pyrovae.training import Callback, Diverged, TrainingState, fit
from pyrovae.training.devices import choose_device

__all__ = ["begin", "go_on"]


def begin(options: dict[str, Any]) -> None:
    """Trains a new model, as ``pyrovae train`` is asked to.

    Args:
        options: The arguments of `pyrovae.cli.commands.train.train`.
    """
    allow = options["allow"] or []
    settings = settle(usual(options), allow=allow)
    if options["print_config"]:
        say(dump_yaml(settings).rstrip("\n"))
        return
    choose_binarization(settings, allow=allow)
    choose_device(settings["device"])
    # Absolute, so that the run can be opened from any folder.
    settings["root"] = _absolute(settings["root"])
    if settings["data"] not in NAMES and Path(settings["data"]).expanduser().exists():
        settings["data"] = _absolute(settings["data"])
    named = [settings[key] for key in ("prior", "model") if settings[key] is not None]
    classes = [spec["class_path"] for spec in (named[0], settings["objective"])]
    name = "-".join([Path(settings["data"]).stem, *(path.rpartition(".")[2] for path in classes)])
    free = taken(options["out"], name, overwrite=options["overwrite"])
    if _goes_on(options):
        go_on(
            options["out"],
            epochs=None,
            optimizer=None,
            data=None,
            root=None,
            device=None,
            quiet=options["quiet"],
            allow=allow,
        )
        return
    with held_by_first(present(), free) as folder:
        _train(Run(folder, allow=allow), settings)


def go_on(
    folder: str,
    *,
    epochs: int | None,
    optimizer: Typed | None,
    data: str | None,
    root: str | None,
    device: str | None,
    quiet: bool,
    allow: Collection[str],
) -> None:
    """Goes on with a run: trains what is left to train, and writes what it lacks.

    Raises:
        ValueError: If there is nothing left to do.
    """
    run = Run(folder, allow=allow)
    settings = run.options()
    moved = {"data": data, "root": root}
    for name, value in moved.items():
        if value is not None:
            is_name = name == "data" and value in NAMES
            settings[name] = value if is_name else _absolute(value)
    given = {"epochs": epochs, "device": device}
    settings |= {name: value for name, value in given.items() if value is not None}
    settings |= {"quiet": quiet, "download": False}
    if optimizer is not None:
        settings["optimizer"] = change(
            "--optimizer", optimizer, settings["optimizer"], allow=allow
        )
    run.moved = {name: settings[name] for name in moved}
    choose_device(settings["device"])
    with held_by_first(present(), locked(run.folder)), _said_how_to_go_on(run):
        history = run.history()
        done = len(history)
        run.check_data()
        if epochs is not None and epochs < done:
            raise ValueError(
                f"--epochs: {run.folder}: {done} epochs are done already: expected more, got {epochs}"
            )
        if done < settings["epochs"] and history.stopped is None:
            _train(run, settings, resuming=True)
        elif not finish(run, run.model(settings["device"]), run.data, history, settings):
            raise ValueError(
                f"{run.folder}: all {done} epochs are done; increase --epochs to continue"
                if history.stopped is None
                else f"{run.folder}: it is done: {history.stopped}"
            )


def _train(run: Run, settings: dict[str, Any], *, resuming: bool = False) -> None:
    """Trains, a new model or one whose training was interrupted."""
    if resuming:
        data = run.data
        model = run.model(settings["device"])
    else:
        data = _load(settings)
        if sees_counts(settings["likelihood"], allow=run.allow):
            data = data.as_counts()
        _check_sizes(data, settings)
        settings["columns"] = said_kinds(data, settings["columns"])
        if data.columns is not None and not settings["quiet"]:
            say(f"columns: {', '.join(map(str, data.columns))} (--columns changes what they are)")
        if settings["seed"] is not None:
            pyro.set_rng_seed(settings["seed"])
        masked = data.columns is not None and sees_masks(settings["model"], allow=run.allow)
        model = build(
            data.shape,
            settings["latent_features"],
            **{name: settings[name] for name in MODEL_OPTIONS if settings[name] is not None},
            pseudo_inputs=lambda: first_data(data, settings["seed"], masked=masked),
            columns=data.columns,
            allow=run.allow,
        )
        if settings["begin_at_mean"]:
            _begin_at_mean(model, first_data(data, settings["seed"]))
    know_data(settings["objective"], len(data.train))
    arguments = asked(settings, len(data.train), allow=run.allow)
    arguments["adversary"] = make_adversary(settings, model, data.shape, allow=run.allow)
    with _said_how_to_go_on(run):
        try:
            history = fit(
                model,
                data,
                **{name: arguments[name] for name in FIT_OPTIONS},
                progress=not settings["quiet"],
                callbacks=[_Keep(run, settings)] if present().is_first else [],
                checkpoint=run.checkpoint,
                resume=resuming,
                notes={"options": settings},
            )
        except Diverged as error:
            raise Failed(f"{error}{_slower(run, settings)}") from None
        run.read_again()
        finish(run, model, data, history, settings)


def _slower(run: Run, settings: dict[str, Any]) -> str:
    """How to continue with a smaller learning rate: resumed as it is, a run diverges again."""
    rate = settings["optimizer"]["init_args"].get("lr")
    if not run.checkpoint.is_file() or not isinstance(rate, float | int):
        return ""
    folder = shlex.quote(str(run.folder))
    return f": pyrovae resume {folder} --optimizer.lr {rate / 10:g}"


def _goes_on(options: dict[str, Any]) -> bool:
    """Whether ``torchrun`` starts a run again that one of its processes has broken off."""
    out = options["out"]
    if not restarted() or options["overwrite"]:
        return False
    if out is None:
        warnings.warn(
            "the processes were restarted and training starts from the beginning: with --out it "
            "would resume from the checkpoint there",
            stacklevel=2,
        )
        return False
    return (Path(out) / "checkpoint.pt").is_file()


def _load(settings: dict[str, Any]) -> Data:
    """The data; where they are downloaded, one process does so, and others read them then."""
    ranks, options = present(), {name: settings[name] for name in DATA_OPTIONS}
    if not options["download"] or ranks.size == 1:
        return load_data(**options)
    data = load_data(**options) if ranks.is_first else None
    ranks.all(True)
    return load_data(**options) if data is None else data


def _begin_at_mean(model: Any, x: Tensor) -> None:
    likelihood = getattr(model, "likelihood", None)
    if not isinstance(likelihood, BernoulliLikelihood):
        raise ValueError(
            f"--begin_at_mean: expected a BernoulliLikelihood, got {type(likelihood).__name__}"
        )
    likelihood.begin_at_mean(x)


def _check_sizes(data: Data, settings: dict[str, Any]) -> None:
    """Raises where nothing could be learned, or chosen or reported by."""
    if len(data.train) < 2:
        raise ValueError(f"--data: expected at least 2 data to train on, got {len(data.train)}")
    for name in ("validation", "test"):
        share = settings[name]
        if share and getattr(data, name) is None:
            raise ValueError(
                f"--{name}: expected a share of at least one datum, got {share} of "
                f"{len(data.train)}"
            )


@contextmanager
def _said_how_to_go_on(run: Run) -> Iterator[None]:
    """Adds to an interruption how to go on, where there is a checkpoint to go on from."""
    try:
        yield
    except KeyboardInterrupt as error:
        if getattr(error, "how", "") or not run.checkpoint.is_file():
            raise
        number = getattr(error, "signal", signal.SIGINT)
        how = f"go on with: pyrovae resume {shlex.quote(str(run.folder))}"
        raise Stopped(number, how) from None


class _Keep(Callback):
    """Keeps what stands beside the checkpoint true to it."""

    def __init__(self, run: Run, settings: dict[str, Any]) -> None:
        self.run, self.settings, self.begun = run, settings, False

    def on_step(self, training: TrainingState, loss: Tensor) -> None:
        """Removes what is of other weights: of an earlier run, or of fewer epochs."""
        if not self.begun:
            self.begun = True
            self.run.clear()
            self.run.write_config(self.settings)
            if len(training.history):
                training.history.save(self.run.history_file)

    def on_epoch(self, training: TrainingState, row: dict[str, Any]) -> None:
        """Writes the table of the history."""
        training.history.save(self.run.history_file)


def _absolute(path: str) -> str:
    """A path that holds from any folder; a home folder's ``~`` is written out."""
    return str(Path(path).expanduser().absolute())
