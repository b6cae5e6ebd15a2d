"""A run folder: what training leaves, and reading it back, as data, whoever made it."""

import json
import os
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from pyrovae.build import sees_counts
from pyrovae.checkpoint import digest, load, read, weights_in
from pyrovae.cli.commands.train import GROUPS, train
from pyrovae.cli.figures import figure_files
from pyrovae.cli.folders import check_holds_run
from pyrovae.cli.json_file import write_json
from pyrovae.cli.option_files import read_mapping
from pyrovae.cli.options import InSlot, OptionsFile, TypedOnly
from pyrovae.cli.signatures import parameters
from pyrovae.cli.splits import first_data, held_out
from pyrovae.columns import Column, columns_of
from pyrovae.datasets import Data, Split, load_data
from pyrovae.datasets.arrays import read_arrays
from pyrovae.datasets.cells import is_cells
from pyrovae.datasets.fingerprint import check_fingerprint, fingerprint
from pyrovae.datasets.tables import is_table, read_rows
from pyrovae.files import atomic
from pyrovae.priors import Prior
from pyrovae.specifications import dump_yaml
from pyrovae.training import History
from pyrovae.training.devices import choose_device

__all__ = ["STORED", "Run"]

#: The options that say how a run is made, and that it keeps.
STORED = {
    name: parameter
    for name, parameter in parameters(train).items()
    if not any(map(parameter.marker, (TypedOnly, OptionsFile))) and name != "out"
}
#: The options of ``pyrovae train`` that say which data.
DATA_OPTIONS = tuple(GROUPS["Data"].split())


class Run:
    """The files of one run.

    How it was made stands in its checkpoint; ``config.yaml`` says the same for people, and is
    never read here.

    Args:
        folder: The run folder.
        allow: Packages whose classes the run's files may name.
        data: Where the data are now, if not where they were.
        root: Their root, likewise.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        allow: Collection[str] = (),
        data: str | None = None,
        root: str | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.allow = tuple(allow)
        self.moved = {k: v for k, v in (("data", data), ("root", root)) if v is not None}
        self.config_file = self.folder / "config.yaml"
        self.checkpoint = self.folder / "checkpoint.pt"
        self.history_file = self.folder / "history.csv"
        self.report_file = self.folder / "report.json"
        self.page_file = self.folder / "report.html"
        self.figures = self.folder / "figures"

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the checkpoint holds.

        Raises:
            FileNotFoundError: If the folder does not hold a run.
            ValueError: If its checkpoint does not read.
        """
        self.check()
        return read(self.checkpoint)

    def check(self) -> None:
        """Looks whether the folder holds a run.

        Raises:
            FileNotFoundError: If it does not.
        """
        check_holds_run(self.folder)

    def options(self, names: Collection[str] | None = None) -> dict[str, Any]:
        """The options the run was made with, as plain values and specifications.

        Args:
            names: Which. All if left out: then every class that they name has to be trusted or
                allowed.

        Raises:
            ValueError: If the checkpoint holds none, or other ones than ``pyrovae train`` has.
        """
        notes = self.content.get("notes")
        stored = notes.get("options") if isinstance(notes, dict) else None
        if not isinstance(stored, dict):
            raise ValueError(f"{self.checkpoint}: it does not belong to a run of pyrovae train")
        chosen = {k: v for k, v in stored.items() if names is None or k in names}
        defaults = {n: p.default for n, p in STORED.items() if names is None or n in names}
        return defaults | read_mapping(
            chosen, STORED, where=str(self.checkpoint), allow=self.allow
        )

    def named(self) -> dict[str, Any]:
        """The options to be shown: the classes that they name are not looked at."""
        plain = [name for name, parameter in STORED.items() if not parameter.marker(InSlot)]
        options = self.options(plain)
        stored = self.content["notes"]["options"]
        return {name: options.get(name, stored.get(name)) for name in STORED}

    @cached_property
    def data(self) -> Data:
        """The run's data. Nothing is downloaded, whatever the run says of it."""
        options = self.options(DATA_OPTIONS) | self.moved | {"download": False}
        if self.columns is not None:  # as the model knows them, and not as they look now
            options["columns"] = self.columns
        found = load_data(**options)
        likelihood = self.options(["likelihood"])["likelihood"]
        return found.as_counts() if sees_counts(likelihood, allow=self.allow) else found

    @cached_property
    def columns(self) -> tuple[Column, ...] | None:
        """What the model knows of a table's columns; None if the run is not on a table."""
        if not is_table(self.options(["data"])["data"]):
            return None
        return columns_of(load(self.checkpoint, allow=self.allow))

    def table_columns(self) -> tuple[Column, ...]:
        """What the model knows of its table's columns.

        Raises:
            ValueError: If the run is not on a table.
        """
        if self.columns is None:
            raise ValueError(f"{self.folder}: expected a run on a table (.csv, .parquet)")
        return self.columns

    def table_file(self) -> str:
        """The table that a command is to look at: the one it names, or the run's own."""
        return str(self.moved.get("data") or self.options(["data"])["data"])

    def split(self, name: str | None = None) -> Split:
        """A split of the data; if left out, the one to report on.

        Raises:
            ValueError: If the data have none of that name.
        """
        split = getattr(self.data, name or held_out(self.data))
        if split is None:
            raise ValueError(
                f"--split: the run has no {name} data, only {held_out(self.data)} data"
            )
        found: Split = split
        return found

    def chosen(self, split: str | None = None) -> Split:
        """The data that a command is to look at.

        Args:
            split: Which split. If left out: all of a NumPy file or table that the command names,
                in its order, else the split to report on.
        """
        path = Path(self.moved.get("data", "")).expanduser()
        if split is None and is_table(path):
            return read_rows(path, self.table_columns())
        if split is None and is_cells(path):
            return load_data(str(path), validation=0, test=0).train
        if split is not None or path.suffix not in (".npy", ".npz"):
            return self.split(split)
        options = self.options(DATA_OPTIONS)
        return read_arrays(
            path,
            binarization=options["binarization"],
            validation=0,
            test=0,
            seed=options["data_seed"],
            signals=options["signals"],
        ).train

    def model(self, device: str = "auto", *, averaged: bool = False) -> Any:
        """The trained model, with the best weights where training kept them.

        Args:
            device: Where it shall be.
            averaged: Whether it shall have the moving average of its weights.

        Raises:
            ValueError: If there is no average that is asked for, or NaN or infinity in the weights.
        """
        where = choose_device(device)
        for name, tensor in weights_in(self.checkpoint, self.content, averaged=averaged).items():
            if isinstance(tensor, Tensor) and tensor.isnan().any():
                raise ValueError(f"{self.checkpoint}: the weights {name!r} contain NaN")
        model = load(self.checkpoint, allow=self.allow, averaged=averaged)
        for name, parameter in model.named_parameters():  # buffers, such as masks, may hold it
            if parameter.isinf().any():
                raise ValueError(f"{self.checkpoint}: the weights {name!r} contain infinity")
        parts = [part for part in model.modules() if isinstance(part, Prior)]
        lacking = [prior for prior in parts if not prior.complete]
        if lacking:
            masked = self.columns is not None and model.sees_masks
            x = first_data(self.data, self.options(["seed"])["seed"], masked=masked)
            for prior in lacking:
                prior.set_data(x)
        return model.to(where)

    def read_again(self) -> None:
        """Looks at the checkpoint anew, which training has written since."""
        self.__dict__.pop("content", None)

    def weights(self, *, averaged: bool = False) -> str:
        """The digest of the weights that `model` gives the model."""
        return digest(weights_in(self.checkpoint, self.content, averaged=averaged))

    def has_stale_report(self) -> bool:
        """Whether there is a report, and it is of other weights than the checkpoint's.

        Raises:
            ValueError: If report or checkpoint do not read.
        """
        if not self.report_file.is_file():
            return False
        report = self.report()
        if "weights" not in report:
            raise ValueError(f"{self.report_file}: expected a report, but it lacks 'weights'")
        return report["weights"] != self.weights(averaged=report.get("averaged") is True)

    def check_data(self) -> None:
        """Looks whether the data are those that the run was trained on.

        Raises:
            ValueError: If they are not; it is said what differs.
        """
        training = self.content.get("training")
        if training is None or "data" not in training:
            raise ValueError(f"{self.checkpoint}: training: 'data' is missing")
        try:
            check_fingerprint(fingerprint(self.data), training["data"])
        except ValueError as error:
            raise ValueError(f"{self.checkpoint}: data: {error}") from None

    def history(self) -> History:
        """The rows of training."""
        training = self.content.get("training")
        if training is None:
            return History()
        if not isinstance(training.get("history"), dict):
            raise ValueError(f"{self.checkpoint}: training: expected a history in it, got none")
        try:
            return History.from_state(training["history"])
        except (ValueError, KeyError) as error:
            raise ValueError(f"{self.checkpoint}: training: history: {error}") from None

    def report(self) -> dict[str, Any]:
        """The last report.

        Raises:
            FileNotFoundError: If the run has none.
            ValueError: If the file holds something else.
        """
        if not self.report_file.is_file():
            raise FileNotFoundError(f"{self.folder}: no report.json; run pyrovae evaluate first")
        try:
            report = json.loads(self.report_file.read_text(encoding="utf-8"))
        except (ValueError, RecursionError):
            report = None
        if not isinstance(report, dict):
            raise ValueError(f"{self.report_file}: expected a report in JSON, but it is not JSON")
        return report

    def clear(self) -> None:
        """Removes what a run that was here before said of its model; links are not followed."""
        files = [self.report_file, self.page_file, self.history_file, self.config_file]
        if not self.figures.is_symlink():
            files += figure_files(self.figures)
        for file in files:
            file.unlink(missing_ok=True)

    def write_config(self, options: dict[str, Any]) -> None:
        """Writes the options, as ``--config`` reads them."""
        with atomic(self.config_file) as temporary:
            temporary.write_text(dump_yaml(options), encoding="utf-8")

    def write_report(self, report: dict[str, Any]) -> None:
        """Writes the report as JSON."""
        write_json(self.report_file, report)
