"""Reading any usual source of data as a split."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from pyrovae.datasets.advice import describe_value, of_several_shapes
from pyrovae.datasets.length import is_stream
from pyrovae.datasets.loader_split import LoaderSplit, OpenLoaderSplit
from pyrovae.datasets.sparse.rows import is_sparse
from pyrovae.datasets.sparse.split import OpenSparseSplit, SparseSplit
from pyrovae.datasets.splits import Split
from pyrovae.datasets.stream_split import OpenStreamSplit, StreamSplit
from pyrovae.datasets.tensor_split import OpenTensorSplit, TensorSplit

__all__ = ["Source", "as_split", "open_split"]

KINDS_NAMED = 5

#: Whatever `as_split` reads.
Source = (
    Split
    | Tensor
    | np.ndarray[Any, Any]
    | Sequence[Tensor | np.ndarray[Any, Any]]
    | Dataset[Any]
    | DataLoader[Any]
)


def as_split(source: Source, *, fields: int | None = None, counts: bool = False) -> Split:
    """Reads a source of data as a split, values and shapes as they are.

    Args:
        source: A split (returned itself), a tensor or NumPy array of shape ``(N, *event)``, a
            tuple of these (x and what goes with it: labels, a mask), a Dataset, with indices or
            iterable, or a DataLoader.
            8-bit values are divided by 255. The first may be a sparse matrix, of SciPy or torch,
            of which one batch at a time is dense. A list is read as a tuple unless its arrays could be
            parts of one set of data.
        fields: How many leading items of each datum belong in a batch, at most; all if left
            out. A split keeps its own, unless `Data` made it.
        counts: Whether 8-bit values are counts, and are not divided.

    Raises:
        ValueError: If the source is something else, its arrays have several lengths, or its data
            cannot be used. What to write instead is said.
    """
    if isinstance(source, Split):
        split = source.leading(fields)
    else:
        split = _read(source, fields, is_open=False)
    return split.as_counts() if counts else split


def open_split(source: Source) -> Split:
    """Reads a source as `as_split` does, and leaves open how many items of a datum are taken.

    A split is given itself.
    """
    if isinstance(source, Split):
        return source
    return _read(source, None, is_open=True)


def _read(source: Any, fields: int | None, *, is_open: bool) -> Split:
    if fields is not None and fields < 1:
        raise ValueError(f"expected fields to be positive, got {fields}")
    if isinstance(source, TensorDataset):
        source = source.tensors
    if isinstance(source, Dataset | DataLoader):
        if is_stream(source):
            return (OpenStreamSplit if is_open else StreamSplit)(source, fields=fields)
        return (OpenLoaderSplit if is_open else LoaderSplit)(source, fields=fields)
    items = tuple(source) if isinstance(source, tuple | list) else (source,)
    if isinstance(source, list) and source:
        _check_list(source)
    if items and is_sparse(items[0]) and all(map(_is_array, items[1:fields])):
        sparse = OpenSparseSplit if is_open else SparseSplit
        return sparse(*items[:fields])
    if items and _is_array(items[0]):
        _check_lengths(items)
    if is_open:  # what the model does not take need be no tensor
        items = items[:1] + tuple(takewhile(_is_array, items[1:]))
    if not items or not all(map(_is_array, items[:fields])):
        raise ValueError(
            "expected a split, tensor, array, tuple of these, Dataset or DataLoader, got "
            f"{_describe(source)}"
        )
    return (OpenTensorSplit if is_open else TensorSplit)(*items[:fields])


def _is_array(item: Any) -> bool:
    return isinstance(item, Tensor | np.ndarray)


def _check_lengths(items: tuple[Any, ...]) -> None:
    """Looks at all of a tuple, at what is not taken, too: several sets of data are no tuple of fields."""
    sizes = [_rows(item) for item in items]
    if len({size for size in sizes if size is not None}) > 1:
        given = ", ".join("?" if size is None else str(size) for size in sizes)
        raise ValueError(
            f"expected tensors with the same number of rows, got [{given}]: a tuple is x and the "
            "tensors that belong to it. Pass sets of different lengths as Data(train=..., "
            "validation=...), or join them with torch.cat(...)"
        )


def _rows(item: Any) -> int | None:
    if isinstance(item, Tensor) and item.is_nested:
        return None
    if isinstance(item, Tensor | np.ndarray):
        return item.shape[0] if item.ndim else 0
    return len(item) if isinstance(item, list | tuple) else None


def _check_list(items: list[Any]) -> None:
    """Refuses a list whose arrays could be parts of one set, of which one alone would be read."""
    if not all(map(_is_array, items)):
        return
    first, *rest = items
    given = f"got a list of {len(items)} of shape {of_several_shapes(items)}"
    if first.ndim < 2:
        raise ValueError(
            f"expected one tensor of all data, {given}: use torch.stack(data) (numpy.stack for "
            "arrays) if each is a datum, cropped or padded to one length"
        )
    if any(_is_like(first, item) for item in rest):
        raise ValueError(
            f"expected one tensor of all data, {given}: use torch.cat(data) (numpy.concatenate "
            "for arrays) if each is a part of the data, torch.stack(data) (numpy.stack) if each "
            "is a datum, and a tuple if they are x and the tensors that belong to it"
        )


def _is_like(x: Any, other: Any) -> bool:
    """Whether an array could hold more of the same data: it is of the shape, and no mask."""
    masks = [str(item.dtype).removeprefix("torch.") == "bool" for item in (x, other)]
    return x.shape[1:] == other.shape[1:] and masks[0] == masks[1]


def _describe(source: Any) -> str:
    if isinstance(getattr(source, "train", None), Split):
        kind = type(source).__name__
        return f"{kind}, which has several splits: give one, such as its train or test"
    if not isinstance(source, tuple | list):
        return describe_value(source)
    if not source:
        return f"{type(source).__name__} of ()"
    found = next(item for item in source if not _is_array(item))
    if isinstance(source, list) and isinstance(found, list | int | float | str):
        return describe_value(source)
    kinds = [type(item).__name__ for item in source]
    shown = ", ".join(kinds[:KINDS_NAMED]) + (", ..." if len(kinds) > KINDS_NAMED else "")
    return f"{type(source).__name__} of ({shown}); {describe_value(found)}"
