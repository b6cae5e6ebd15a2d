"""NumPy's files: an array of data, with labels where there are any."""

import warnings
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyrovae.datasets.binarization import Binarization
from pyrovae.datasets.cells import divide_rows
from pyrovae.datasets.data import Data
from pyrovae.datasets.mapped_split import MappedSplit
from pyrovae.datasets.memory import MEMORY_LIMIT, enough_memory
from pyrovae.datasets.numpy_files import ArrayFile, MappedArray, open_arrays
from pyrovae.datasets.partition import Amount, divided_splits, split_indices
from pyrovae.datasets.parts import Look
from pyrovae.datasets.sparse.rows import SparseRows, checked_rows, to_counts
from pyrovae.datasets.tensors import as_tensor
from pyrovae.datasets.values import as_images

__all__ = ["read_arrays"]

LABEL_KEYS = ("y", "labels")
# So many times as wide as high, and more, images are not, but signals of some channels are.
LONG = 4
SPARSE_KEYS = {"format", "indptr", "indices", "data", "shape"}


def read_arrays(
    path: Path,
    *,
    binarization: Binarization,
    validation: Amount,
    test: Amount,
    seed: int,
    signals: bool = False,
) -> Data:
    """Reads data, and labels if there are any, from a ``.npy`` or ``.npz`` file.

    Up to 1 GiB of 32-bit floats they are kept in memory, and no second copy is made of them on the
    way. A larger ``.npy`` file is mapped, and read batch by batch, unless static binarization
    needs its bits in memory.

    Args:
        path: A ``.npy`` file holds the data; a ``.npz`` file holds them as ``x`` or as its only
            array beside the labels, and the labels, if any, as ``y`` or ``labels``; or it is what
            ``scipy.sparse.save_npz`` makes of compressed rows (CSR), which stay sparse.
        binarization: The protocol applied to the values.
        validation: The validation data: an int is their number, a float their fraction.
        test: The test data, likewise.
        seed: The seed of the split and of static binarization.
        signals: Whether three axes are ``(N, channels, length)`` and no images.

    Returns:
        The splits, with channels first, of shape ``(F,)``, ``(C, H, W)`` or, of signals, ``(C, L)``.

    Raises:
        ValueError: If the file is none of NumPy's, holds Python objects, is damaged, its arrays
            are not data as above, they do not fit into memory, or nothing is left to train on; the
            message begins with the path.
    """
    with open_arrays(path) as arrays:
        if arrays.keys() >= SPARSE_KEYS:
            rows = _sparse(path, arrays)
            return divide_rows(rows, validation=validation, test=test, seed=seed, name=str(path))
        x, y = _choose(arrays)
        shape = _shape(x, signals)
        labels = None if y is None else _labels(y, shape[0])
        indices = split_indices(shape[0], validation=validation, test=test, seed=seed)
        size = 4 * prod(shape)
        if isinstance(x, MappedArray) and size > MEMORY_LIMIT and binarization != "static":
            splits = _mapped_splits(
                x, indices, shape=shape[1:], binarization=binarization, signals=signals
            )
        else:
            with enough_memory(str(path), size):
                splits = divided_splits(
                    _parts(x, signals),
                    indices,
                    labels,
                    None,
                    binarization=binarization,
                    seed=seed,
                    from_bytes=x.dtype == np.uint8,
                )
        record = {"source": str(path), "partition": "random", "seed": seed}
        return Data(**splits, name=path.stem, record=record)


def _choose(arrays: dict[str, ArrayFile]) -> tuple[ArrayFile, ArrayFile | None]:
    labels = [key for key in arrays if key in LABEL_KEYS]
    rest = [key for key in arrays if key not in LABEL_KEYS]
    if "x" in rest:
        rest = ["x"]
    if len(rest) != 1 or len(labels) > 1:
        raise ValueError(
            "expected an array named 'x', or one array and no more than one of 'y' and "
            f"'labels', got {', '.join(arrays) or 'none'}"
        )
    return arrays[rest[0]], arrays[labels[0]] if labels else None


def _sparse(path: Path, arrays: dict[str, ArrayFile]) -> SparseRows:
    """The rows of a sparse matrix, as SciPy keeps one."""
    name = arrays["format"]
    short = name.shape == () and name.dtype.kind in "SU" and name.dtype.itemsize < 100
    kind = np.load(path, allow_pickle=False)["format"].item() if short else None
    if kind not in ("csr", b"csr"):
        raise ValueError(f"expected a sparse matrix by rows, got {kind!r}: save x.tocsr()")
    starts, columns, values, shape = (
        _whole(arrays[key], key) for key in ("indptr", "indices", "data", "shape")
    )
    if shape.shape != (2,):
        raise ValueError(f"expected two numbers for shape, got an array of {tuple(shape.shape)}")
    return checked_rows(starts, columns, to_counts(values), tuple(shape.tolist()))


def _whole(x: ArrayFile, name: str) -> Tensor:
    """An array in memory, which may have no values."""
    none = as_tensor(np.empty((0, *x.shape[1:]), x.dtype), name=name)  # of numbers, or refused
    return torch.cat([none, *(as_tensor(part, name=name) for part in x.parts())])


def _shape(x: ArrayFile, signals: bool) -> tuple[int, ...]:
    """The shape of the data with channels first, which their values say nothing about."""
    if len(x.shape) == 3 and not signals and x.shape[2] >= LONG * x.shape[1]:
        warnings.warn(
            f"an array of shape {x.shape} is read as images of {x.shape[1]} by {x.shape[2]} "
            f"pixels; with signals=True (--signals) it is read as {x.shape[1]} channels of length "
            f"{x.shape[2]}",
            stacklevel=4,
        )
    as_tensor(np.empty((), x.dtype), name="x")  # whether they are real numbers
    if 0 in x.shape:
        raise ValueError(f"expected at least one datum and one value, got shape {x.shape}")
    empty = torch.empty(x.shape, dtype=torch.uint8, device="meta")
    return tuple(as_images(empty, signals=signals).shape)


def _labels(y: ArrayFile, n: int) -> Tensor:
    if y.dtype.kind not in "iu" or len(y.shape) != 1:
        raise ValueError(f"expected labels to be integers of shape (N,), got {y.dtype} {y.shape}")
    if y.shape[0] != n:
        raise ValueError(f"expected {n} labels, one for each datum, got {y.shape[0]}")
    return torch.cat([torch.from_numpy(part.astype(np.int64)) for part in y.parts()])


def _parts(x: ArrayFile, signals: bool) -> Iterator[Tensor]:
    for part in x.parts():
        yield as_images(as_tensor(part, name="x"), signals=signals)


def _mapped_splits(
    x: MappedArray,
    indices: tuple[Tensor, Tensor, Tensor],
    *,
    shape: tuple[int, ...],
    binarization: Binarization,
    signals: bool,
) -> dict[str, Any]:
    """Divides data that stay on the disk, once they have been looked at."""
    look = Look(binarization)
    for part in _parts(x, signals):
        look(part)
    look.check()
    return {
        role: MappedSplit(x, index, shape=shape, binarization=binarization, signals=signals)
        for role, index in zip(("train", "validation", "test"), indices, strict=True)
        if len(index)
    }
