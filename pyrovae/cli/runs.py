"""A run folder: what training leaves, and reading it back."""

import inspect
import json
import os
import re
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from pyrovae.checkpoint import load, read
from pyrovae.cli.parser import MODULES, train_parser
from pyrovae.datasets import Data, TensorSplit, load_data
from pyrovae.files import atomic
from pyrovae.priors import Prior
from pyrovae.training import History
from pyrovae.training.devices import choose_device

__all__ = [
    "Run",
    "absolute",
    "check_writable",
    "first_data",
    "held_out",
    "load_data_of",
    "new_folder",
]

#: The options of ``pyrovae train`` that say which data.
DATA_OPTIONS = tuple(inspect.signature(load_data).parameters)
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Run:
    """The files of one run.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.config_file = self.folder / "config.yaml"
        self.checkpoint = self.folder / "checkpoint.pt"
        self.history_file = self.folder / "history.csv"
        self.report_file = self.folder / "report.json"
        self.figures = self.folder / "figures"

    def check(self) -> None:
        """Raises FileNotFoundError where the folder does not hold a run."""
        for path in (self.config_file, self.checkpoint):
            if not path.is_file():
                raise FileNotFoundError(
                    f"{self.folder}: expected a run folder, but it has no {path.name}"
                )

    def config(self) -> dict[str, Any]:
        """The options the run was made with, as plain values."""
        self.check()
        config = yaml.safe_load(self.config_file.read_text())
        if not isinstance(config, dict):
            raise ValueError(f"{self.config_file}: expected a mapping of options")
        return config

    def trusted_config(self, allow: Collection[str]) -> dict[str, Any]:
        """The options, once all classes they name are of packages that may be imported.

        Raises:
            ValueError: If a class is of another package. Reading would import it.
        """
        config = self.config()
        unknown = sorted(set(config) - set(train_parser().get_defaults().as_dict()))
        if unknown:
            raise ValueError(f"{self.config_file}: these are no options: {', '.join(unknown)}")
        for key in MODULES:
            for class_path in _class_paths(config.get(key)):
                package = class_path.split(".")[0]
                if package not in {"pyrovae", "pyro", "torch", *allow}:
                    raise ValueError(
                        f"{self.config_file}: {key} names {class_path}; if you trust the "
                        f"package, allow it (--allow {package})"
                    )
        return config

    def model(
        self,
        allow: Collection[str],
        device: str = "auto",
        *,
        data: str | None = None,
        root: str | None = None,
    ) -> Any:
        """The trained model: the best weights where training kept them.

        Args:
            allow: Packages whose classes the run's files may name.
            device: Where the model shall be.
            data: Where the data are now, for a prior that has to be given some again.
            root: Their root, likewise.
        """
        self.check()
        model = load(self.checkpoint, allow=allow)
        parts = [part for part in model.modules() if isinstance(part, Prior)]
        lacking = [prior for prior in parts if not prior.complete]
        if lacking:
            config = self.config()
            x = first_data(load_data_of(config, data=data, root=root), config["seed"])
            for prior in lacking:
                prior.set_data(x)
        return model.to(choose_device(device))

    def history(self) -> History:
        """The rows of training."""
        self.check()
        training = read(self.checkpoint).get("training")
        return History() if training is None else History.from_state(training["history"])

    def report(self) -> dict[str, Any]:
        """The last report.

        Raises:
            FileNotFoundError: If the run has none.
        """
        if not self.report_file.is_file():
            raise FileNotFoundError(f"{self.folder}: no report.json; run pyrovae evaluate first")
        return json.loads(self.report_file.read_text())

    def clear(self) -> None:
        """Removes what a run that was here before said of its model."""
        self.report_file.unlink(missing_ok=True)
        for figure in self.figures.glob("*.png"):
            figure.unlink()

    def write_config(self, text: str) -> None:
        """Writes the resolved configuration."""
        with atomic(self.config_file) as temporary:
            temporary.write_text(text)

    def write_report(self, report: dict[str, Any]) -> None:
        """Writes the report as JSON."""
        with atomic(self.report_file) as temporary:
            temporary.write_text(json.dumps(report, indent=2) + "\n")


def _class_paths(value: Any) -> list[str]:
    """Every string in an option that reading it could take for a class or a file, however deep."""
    if isinstance(value, str):
        return [value] if DOTTED.fullmatch(value) or Path(value).exists() else []
    if isinstance(value, list):
        return [path for item in value for path in _class_paths(item)]
    if isinstance(value, dict):
        # A key with a dot is read as an argument within an argument.
        keys = [str(key) for key in value if "." in str(key)]
        return [*keys, *(path for item in value.values() for path in _class_paths(item))]
    return []


def absolute(path: str) -> str:
    """A path that holds from any folder; a home folder's ``~`` is written out."""
    return str(Path(path).expanduser().absolute())


def load_data_of(
    config: dict[str, Any], *, data: str | None = None, root: str | None = None
) -> Data:
    """Loads the data a run was made with; ``data`` and ``root`` say where they are now."""
    options = {name: config[name] for name in DATA_OPTIONS if name in config}
    options |= {k: v for k, v in (("data", data), ("root", root)) if v is not None}
    return load_data(**options)


def held_out(data: Data) -> str:
    """The name of the split to report on: test, else validation, else the training data."""
    return next(name for name in ("test", "validation", "train") if getattr(data, name))


def first_data(data: Data, seed: int | None) -> Tensor:
    """The training data that a prior may begin from or keep, the same whenever it is asked.

    All that are in memory, of others the first thousand. Data that are binarized each time they
    are drawn are the same for one seed alone.
    """
    n = len(data.train) if isinstance(data.train, TensorSplit) else 1000
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        return data.train.take(n)[0]


def new_folder(name: str) -> Path:
    """The first of ``runs/name-1``, ``runs/name-2``, ... that does not exist yet."""
    number = 1
    while (folder := Path("runs") / f"{name}-{number}").exists():
        number += 1
    return folder


def check_writable(folder: Path, *, overwrite: bool) -> None:
    """Raises where a run cannot be written, before any work is done.

    Raises:
        ValueError: If something is there already, or the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"out: expected a folder, but {folder} is a file")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise ValueError(f"out: {folder} is not empty; choose another folder, or --overwrite it")
    parent = folder.absolute()
    while not parent.exists():
        parent = parent.parent
    try:
        # Writing is the only test that holds for every file system and user.
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise ValueError(
            f"out: expected a folder that can be written, got {folder} ({error.strerror})"
        ) from None
