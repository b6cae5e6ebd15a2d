"""A run folder: what training leaves, and reading it back."""

import json
import os
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from pyrovae.checkpoint import load, read
from pyrovae.datasets import Data, load_data
from pyrovae.files import atomic
from pyrovae.priors import ExemplarPrior
from pyrovae.training import History

__all__ = ["Run", "check_writable", "first_data", "load_data_of", "new_folder"]

#: The options of ``pyrovae train`` that say which data.
DATA_OPTIONS = (
    "data",
    "root",
    "download",
    "binarization",
    "validation",
    "test",
    "pooled",
    "image_size",
    "data_seed",
    "num_workers",
)
#: Options whose values name classes, which reading a configuration imports.
CLASS_OPTIONS = (
    "prior",
    "posterior",
    "likelihood",
    "encoder",
    "decoder",
    "objective",
    "optimizer",
    "scheduler",
    "beta",
)


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
        for key in CLASS_OPTIONS:
            for class_path in _class_paths(config.get(key)):
                package = class_path.split(".")[0]
                if package not in {"pyrovae", "pyro", "torch", *allow}:
                    raise ValueError(
                        f"{self.config_file}: {key} names {class_path}; if you trust the "
                        f"package, allow it (--allow {package})"
                    )
        return config

    def model(self, allow: Collection[str], root: str | None = None) -> Any:
        """The trained model: the best weights where training kept them.

        Args:
            allow: Packages whose classes the run's files may name.
            root: Where the data are now, for a prior that has to be given some again.
        """
        self.check()
        content = read(self.checkpoint)
        model = load(self.checkpoint, allow=allow)
        best = (content.get("training") or {}).get("best")
        if best is not None:
            model.load_state_dict(best)
        priors = [part for part in model.modules() if isinstance(part, ExemplarPrior)]
        if priors:
            config = self.config()
            exemplars = first_data(load_data_of(config, root), config["seed"])
            for prior in priors:
                prior.set_exemplars(exemplars)
        return model

    def history(self) -> History:
        """The rows of training."""
        self.check()
        return History((read(self.checkpoint).get("training") or {}).get("history", []))

    def report(self) -> dict[str, Any]:
        """The last report.

        Raises:
            FileNotFoundError: If the run has none.
        """
        if not self.report_file.is_file():
            raise FileNotFoundError(f"{self.folder}: no report.json; run pyrovae evaluate first")
        return json.loads(self.report_file.read_text())

    def write_config(self, text: str) -> None:
        """Writes the resolved configuration."""
        with atomic(self.config_file) as temporary:
            temporary.write_text(text)

    def write_report(self, report: dict[str, Any]) -> None:
        """Writes the report as JSON."""
        with atomic(self.report_file) as temporary:
            temporary.write_text(json.dumps(report, indent=2) + "\n")


def _class_paths(value: Any) -> list[str]:
    """Every string that reading an option could take for a class, however deep."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        inner = value.get("init_args") or {}
        found = [
            path
            for item in inner.values()
            if isinstance(item, dict)
            for path in _class_paths(item)
        ]
        return [str(value["class_path"]), *found] if "class_path" in value else found
    return []


def load_data_of(config: dict[str, Any], root: str | None = None) -> Data:
    """Loads the data a run was made with; ``root`` says where they are now, if they moved."""
    options = {name: config[name] for name in DATA_OPTIONS if name in config}
    if root is not None:
        options["root"] = root
    return load_data(**options)


def first_data(data: Data, seed: int | None) -> Tensor:
    """The training data that a prior may begin from or keep, the same whenever it is asked.

    As many as one may ask for; a whole large data set would be read for nothing. Data that are
    binarized each time they are drawn are the same for one seed alone.
    """
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        return data.train.take(10_000)[0]


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
