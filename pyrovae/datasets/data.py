"""A data set: named splits and what is needed to say which data they are."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from pyrovae.columns import Column
from pyrovae.datasets.binarization import Binarization
from pyrovae.datasets.sources import Source, as_split, open_split
from pyrovae.datasets.splits import Split

__all__ = ["Data"]


@dataclass(frozen=True, eq=False)
class Data:
    """Training data with, where there are any, validation and test data.

    Anything that `as_split` reads may be given as a split. How many items of each datum are used
    is left open then: `fit` and `evaluate` take as many as the model does.

    Args:
        train: The data to train on.
        validation: The data to choose by, or None.
        test: The data to report on, or None.
        name: What the data are called in reports.
        label_names: The names of the classes, in the order of the labels' integers.
        attribute_names: The names of the attributes, in the order of their columns.
        columns: What is known of the columns of x, where the data are a table's.
        record: What is needed to say which data these are (source, seed, ...), as JSON has it.

    Raises:
        ValueError: If the splits differ in shape or binarization, the names do not fit the labels
            or attributes, or the record cannot be written as JSON.
    """

    train: Split
    validation: Split | None = None
    test: Split | None = None
    name: str = "data"
    label_names: tuple[str, ...] | None = None
    attribute_names: tuple[str, ...] | None = None
    columns: tuple[Column, ...] | None = None
    record: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for role in ("train", "validation", "test"):
            source = getattr(self, role)
            if source is None and role != "train":
                continue
            split = open_split(source)
            object.__setattr__(self, role, split)
            self._check(role, split)
        try:
            json.dumps(self.record)
        except (TypeError, ValueError) as error:
            raise ValueError(f"expected a record that JSON can hold: {error}") from error

    def _check(self, role: str, split: Split) -> None:
        if split.shape != self.shape:
            raise ValueError(
                f"expected {role} data of shape {tuple(self.shape)} as in train, "
                f"got {tuple(split.shape)}"
            )
        if split.binarization != self.binarization:
            raise ValueError(
                f"expected {role} data with binarization {self.binarization!r} as in train, "
                f"got {split.binarization!r}"
            )
        if self.columns is not None and split.shape != (len(self.columns),):
            raise ValueError(
                f"expected {role} data of shape ({len(self.columns)},), a value for each of "
                f"columns, got {tuple(split.shape)}"
            )
        if self.label_names is not None and split.labels is not None:
            low, high = int(split.labels.min()), int(split.labels.max())
            if low < 0 or high >= len(self.label_names):
                raise ValueError(
                    f"expected {role} labels from 0 to {len(self.label_names) - 1} for "
                    f"{len(self.label_names)} label_names, got {low} to {high}"
                )
        if self.attribute_names is not None and split.attributes is not None:
            columns = split.attributes.shape[1]
            if columns != len(self.attribute_names):
                raise ValueError(
                    f"expected {len(self.attribute_names)} columns in {role} attributes, one for "
                    f"each of attribute_names, got {columns}"
                )

    @classmethod
    def of(
        cls,
        source: "Data | Source",
        *,
        fields: int | None = None,
        dtype: torch.dtype | None = None,
        counts: bool = False,
    ) -> "Data":
        """Data as a program reads them.

        Args:
            source: A `Data`, or what is to be its training data.
            fields: How many tensors the program takes; None is any number. Batches have as many,
                where a split was not made to have others.
            dtype: The floating type that the program calculates in; None leaves the data's.
            counts: Whether 8-bit values are counts, and are not divided.

        Raises:
            ValueError: As `as_split` does.
        """
        if not isinstance(source, Data):
            return cls(train=as_split(source, fields=fields, counts=counts).cast(dtype))
        parts = {role: getattr(source, role) for role in ("train", "validation", "test")}
        splits: dict[str, Any] = {
            role: as_split(part, fields=fields, counts=counts).cast(dtype)
            for role, part in parts.items()
            if part is not None
        }
        return replace(source, **splits)

    def as_counts(self) -> "Data":
        """The same data with 8-bit values as the counts that they are; see `Split.as_counts`."""
        parts = {role: getattr(self, role) for role in ("train", "validation", "test")}
        splits: dict[str, Any] = {k: v.as_counts() for k, v in parts.items() if v is not None}
        return replace(self, **splits)

    def with_labels(self, *, labelled: int | None = None, seed: int = 0) -> "Data":
        """The same data with their labels in the batches: ``(x, y)``, y integers ``(n,)``.

        Args:
            labelled: How many labels of the training data to keep, as many of each class; y is
                -1 for the other ones, as semi-supervised models take it. All are kept if left
                out. Validation and test data keep all of theirs.
            seed: Which labels are kept.

        Raises:
            ValueError: If a split has no labels, or they cannot be kept so.
        """
        splits = {}
        for role in ("train", "validation", "test"):
            split = getattr(self, role)
            if split is None:
                continue
            try:
                kept = labelled if role == "train" else None
                splits[role] = split.with_labels(labelled=kept, seed=seed)
            except ValueError as error:
                raise ValueError(f"{self.name}, {role}: {error}") from None
        record = {} if labelled is None else {"labelled": labelled, "label_seed": seed}
        return replace(self, **splits, record={**self.record, **record})

    @property
    def shape(self) -> torch.Size:
        """The shape of one datum x, such as ``(1, 28, 28)``."""
        return self.train.shape

    @property
    def binarization(self) -> Binarization:
        """The protocol of the values of x, the same in all splits."""
        return self.train.binarization

    def attribute(self, name: str, *, split: str = "train") -> torch.Tensor:
        """Says which data of a split have an attribute, as `attribute_vector` takes it.

        Args:
            name: One of ``attribute_names``, such as "Smiling".
            split: Of which data: "train", "validation" or "test".

        Returns:
            Bool, ``(N,)``, in the order of ``batches(shuffle=False)``.

        Raises:
            ValueError: If these data have no attributes, or none of this name, or there is no
                such split.
        """
        part = {"train": self.train, "validation": self.validation, "test": self.test}.get(split)
        if part is None:
            raise ValueError(f"expected a split that {self.name} has, got {split!r}")
        if part.attributes is None or self.attribute_names is None:
            raise ValueError(
                f"{self.name} has no named attributes (celeba has): make a bool mask of the data, "
                "for instance from their labels"
            )
        if name not in self.attribute_names:
            raise ValueError(
                f"expected an attribute among {', '.join(self.attribute_names)}, got {name!r}"
            )
        return part.attributes[:, self.attribute_names.index(name)]

    @property
    def sizes(self) -> dict[str, int | None]:
        """The number of data in each split that there is; None of a stream without a length."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {role: split.length for role, split in splits.items() if split is not None}

    def describe(self) -> dict[str, Any]:
        """Says which data these are, as JSON has it.

        Name, shape, sizes, binarization, record, and of a table the kinds of its columns.
        """
        return {
            "name": self.name,
            "shape": list(self.shape),
            "sizes": self.sizes,
            "binarization": self.binarization,
            "record": dict(self.record),
            **(
                {} if self.columns is None else {"columns": {c.name: c.kind for c in self.columns}}
            ),
        }
