"""Random, seeded partition of data into training, validation and test data."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyrovae.datasets.binarization import Binarization
from pyrovae.datasets.data import Data
from pyrovae.datasets.parts import divide, parts_of
from pyrovae.datasets.tensor_split import TensorSplit
from pyrovae.datasets.tensors import as_tensor
from pyrovae.datasets.values import check_shape

__all__ = ["Amount", "divided_splits", "split_indices", "split_tensors", "tensor_splits"]


# A number of data (int) or a fraction of them (float).
Amount = int | float


def split_indices(
    n: int, *, validation: Amount, test: Amount, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Divides ``n`` data at random.

    The test data come first in the permutation: they do not depend on the validation size.

    Args:
        n: The number of data.
        validation: The validation data: an int is their number, a float their fraction.
        test: The test data, likewise.
        seed: The seed of the permutation.

    Returns:
        The indices of the training, validation and test data: disjoint, together all of them.

    Raises:
        ValueError: If a size is negative, or nothing is left to train on.
    """
    n_validation, n_test = _count(n, validation, "validation"), _count(n, test, "test")
    n_train = n - n_validation - n_test
    if n_train < 1:
        raise ValueError(
            f"expected some of the {n} data to be left for training, got {n_validation} for "
            f"validation and {n_test} for test"
        )
    # Where nothing is kept aside there is nothing to divide, and the data stay in their order.
    generator = torch.Generator().manual_seed(seed)
    order = torch.arange(n) if n_train == n else torch.randperm(n, generator=generator)
    in_test, in_validation, in_train = order.split([n_test, n_validation, n_train])
    return in_train, in_validation, in_test


def split_tensors(
    x: Tensor | np.ndarray[Any, Any],
    *,
    labels: Tensor | np.ndarray[Any, Any] | None = None,
    attributes: Tensor | np.ndarray[Any, Any] | None = None,
    validation: Amount = 0.1,
    test: Amount = 0.1,
    seed: int = 0,
    binarization: Binarization = "none",
    name: str = "data",
    label_names: tuple[str, ...] | None = None,
    attribute_names: tuple[str, ...] | None = None,
    record: dict[str, Any] | None = None,
) -> Data:
    """Divides data in memory at random into training, validation and test data.

    Args:
        x: Data of shape ``(N, *event)``, a tensor or NumPy array: floating, uint8 (divided by
            255), bool or other integers.
        labels: Integers of shape ``(N,)``.
        attributes: Bool of shape ``(N, A)``.
        validation: The validation data: an int is their number, a float their fraction; 0 is none.
        test: The test data, likewise.
        seed: The seed of the permutation and of static binarization, which is done before the
            data are divided: a datum's zeros and ones do not depend on the sizes.
        binarization: The protocol applied to x.
        name: What the data are called in reports.
        label_names: The names of the classes.
        attribute_names: The names of the attributes.
        record: What else is needed to say which data these are; added to the split's record.

    Raises:
        ValueError: If nothing is left to train on, or the data cannot be used (see TensorSplit).
    """
    x = as_tensor(x, name="x")
    check_shape(x)
    labels = None if labels is None else as_tensor(labels, name="labels")
    attributes = None if attributes is None else as_tensor(attributes, name="attributes")
    for what, rows in (("labels", labels), ("attributes", attributes)):
        if rows is not None and len(rows) != len(x):
            raise ValueError(f"expected {len(x)} {what}, one for each datum, got {len(rows)}")
    indices = split_indices(len(x), validation=validation, test=test, seed=seed)
    splits = divided_splits(
        parts_of(x),
        indices,
        labels,
        attributes,
        binarization=binarization,
        seed=seed,
        from_bytes=x.dtype == torch.uint8,
    )
    return Data(
        **splits,
        name=name,
        label_names=label_names,
        attribute_names=attribute_names,
        record={"source": name, "partition": "random", "seed": seed, **(record or {})},
    )


def divided_splits(
    parts: Iterable[Tensor],
    indices: tuple[Tensor, Tensor, Tensor],
    labels: Tensor | None,
    attributes: Tensor | None,
    *,
    binarization: Binarization,
    seed: int,
    from_bytes: bool = False,
) -> dict[str, Any]:
    """Makes the named splits of data that come a part at a time, leaving out the empty ones.

    It takes memory for the splits, and for one part.

    Args:
        parts: The data in their order, as `divide` takes them.
        indices: Which of them are for training, validation and test.
        labels: Integers of shape ``(N,)``.
        attributes: Bool of shape ``(N, A)``.
        binarization: The protocol.
        seed: The seed of static binarization.
        from_bytes: Whether the parts are of 8-bit values.

    Raises:
        ValueError: As `divide` does.
    """
    return {
        role: TensorSplit.ready(
            x,
            labels=None if labels is None else labels[index],
            attributes=None if attributes is None else attributes[index],
            binarization=binarization,
            from_bytes=from_bytes,
        )
        for role, index, x in zip(
            ("train", "validation", "test"),
            indices,
            divide(parts, indices, binarization=binarization, seed=seed),
            strict=True,
        )
        if len(index)
    }


def tensor_splits(
    x: Tensor,
    indices: tuple[Tensor, Tensor, Tensor],
    labels: Tensor | None,
    attributes: Tensor | None,
    binarization: Binarization,
) -> dict[str, Any]:
    """Makes the named splits of data in memory, leaving out the empty ones.

    ``x`` is floating and, where the protocol is threshold or static, binarized already; to do so
    again, as TensorSplit does, leaves zeros and ones as they are.
    """
    return {
        role: TensorSplit(
            x[index],
            labels=None if labels is None else labels[index],
            attributes=None if attributes is None else attributes[index],
            binarization=binarization,
        )
        for role, index in zip(("train", "validation", "test"), indices, strict=True)
        if len(index)
    }


def _count(n: int, size: Amount, what: str) -> int:
    if not isinstance(size, int | float) or size < 0 or (isinstance(size, float) and size >= 1):
        raise ValueError(
            f"expected {what} to be a number of data (int) or a fraction below 1 (float), got {size!r}"
        )
    return round(size * n) if isinstance(size, float) else size
