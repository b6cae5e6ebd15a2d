"""Reading any usual source of data as a split."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from pyrovae.datasets.loader_split import LoaderSplit
from pyrovae.datasets.splits import Split
from pyrovae.datasets.tensor_split import TensorSplit
from pyrovae.datasets.values import from_numpy

__all__ = ["Source", "as_split"]

#: Whatever `as_split` reads.
Source = (
    Split
    | Tensor
    | np.ndarray[Any, Any]
    | Sequence[Tensor | np.ndarray[Any, Any]]
    | Dataset[Any]
    | DataLoader[Any]
)


def as_split(source: Source, *, fields: int | None = None) -> Split:
    """Reads a source of data as a split, values and shapes as they are.

    Args:
        source: A split (returned itself), a tensor or NumPy array of shape ``(N, *event)``, a
            tuple or list of these, a Dataset or a DataLoader. 8-bit values are divided by 255.
        fields: How many leading items of each datum belong in a batch, at most; all if left
            out. A split keeps its own.

    Raises:
        ValueError: If the source is something else, or its data cannot be used.
    """
    if isinstance(source, Split):
        return source
    if fields is not None and fields < 1:
        raise ValueError(f"expected fields to be positive, got {fields}")
    if isinstance(source, TensorDataset):
        source = source.tensors
    if isinstance(source, Dataset | DataLoader):
        return LoaderSplit(source, fields=fields)
    items = tuple(source) if isinstance(source, tuple | list) else (source,)
    if not items or not all(isinstance(item, Tensor | np.ndarray) for item in items):
        given = type(source).__name__
        if isinstance(source, tuple | list):
            given = f"{given} of ({', '.join(type(item).__name__ for item in items)})"
        elif isinstance(getattr(source, "train", None), Split):
            given = f"{given}, which has several splits: give one, such as its train or test"
        raise ValueError(
            f"expected a split, tensor, array, tuple of these, Dataset or DataLoader, got {given}"
        )
    tensors = [
        item if isinstance(item, Tensor) else _from_array(i, item)
        for i, item in enumerate(items[:fields])
    ]
    return TensorSplit(*tensors)


def _from_array(position: int, array: np.ndarray[Any, Any]) -> Tensor:
    # Only x must be floating; what comes with it (labels, masks) keeps its type.
    if position == 0 or array.dtype.kind not in "biu":
        return from_numpy(array)
    return torch.from_numpy(np.array(array))
