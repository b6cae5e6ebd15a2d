"""Telling data apart by a few plain values."""

import hashlib
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from pyrovae.datasets.data import Data
from pyrovae.datasets.images import ImageFiles
from pyrovae.datasets.loader_split import LoaderSplit
from pyrovae.datasets.sparse.split import SparseSplit
from pyrovae.datasets.splits import Split
from pyrovae.datasets.stream_epochs import StreamEpochs
from pyrovae.datasets.tensor_split import TensorSplit

__all__ = ["check_fingerprint", "fingerprint"]

ALL_BYTES = 2**28  # up to which all values are looked at: some tenths of a second
ROWS = 4096  # of larger tensors
IMAGES = 64  # of those that are read when they are needed


def fingerprint(data: Data) -> dict[str, Any]:
    """What tells the data of training from others: of each split, plain values by name.

    The values are hashed (SHA-256): all of them in tensors up to 256 MiB, of larger ones 4096
    rows evenly spaced, of image files 64 images. Any other ``Dataset`` or ``DataLoader`` may give
    other values each time that it is read, and is known by its size and shape alone. Where the
    data lie makes no difference.

    Args:
        data: Data to train on, and to choose by.

    Returns:
        For "train" and "validation", where there are some, ``size``, ``shape``, ``binarization``,
        and ``dtypes`` and ``sha256`` or None.
    """
    splits = {"train": data.train, "validation": data.validation}
    return {role: _of_split(split) for role, split in splits.items() if split is not None}


def check_fingerprint(here: dict[str, Any], known: Any) -> None:
    """Looks whether data are those of a fingerprint that was read from a file.

    Args:
        here: The fingerprint of the data.
        known: What was read.

    Raises:
        ValueError: If they are not; it is said what differs.
    """
    if not isinstance(known, dict) or not all(isinstance(v, dict) for v in known.values()):
        raise ValueError(f"expected a record of each split, got {known!r:.60}")
    for role in dict.fromkeys([*known, *here]):
        mine, theirs = here.get(role), known.get(role)
        if mine is None or theirs is None:
            now, then = ("none" if s is None else "some" for s in (mine, theirs))
            raise ValueError(f"expected the same {role} data, got {now} instead of {then}")
        for name, value in mine.items():
            if name not in theirs:
                raise ValueError(f"{role}: it lacks {name!r}")
            if repr(value) == repr(theirs[name]):  # whatever a file holds there
                continue
            if name == "sha256":
                raise ValueError(
                    f"expected the same {role} data, got different data of the same size"
                )
            raise ValueError(
                f"expected the same {role} data, got {name} {value!r:.60} instead of "
                f"{theirs[name]!r:.60}"
            )


def _of_split(split: Split) -> dict[str, Any]:
    tensors: tuple[Tensor, ...] | None = None
    if isinstance(split, TensorSplit):
        tensors = split.tensors
    elif isinstance(split, SparseSplit):
        rows = split.rows
        tensors = (rows.starts, rows.columns, rows.values, *split.given)
    elif isinstance(split, LoaderSplit) and _is_of_image_files(split.source):
        some = _spaced(len(split), IMAGES).tolist()
        tensors = (torch.stack([split.source[i] for i in some]),)  # type: ignore[index]
    return {
        "size": _size(split),
        "shape": list(split.shape),
        "binarization": split.binarization,
        "dtypes": None if tensors is None else [str(t.dtype) for t in tensors],
        "sha256": None if tensors is None else _hash(tensors),
    }


def _size(split: Split) -> Any:
    if isinstance(split, StreamEpochs):
        return [split.split.length, f"{split.steps} steps of {split.batch_size} data"]
    return split.length


def _is_of_image_files(source: Any) -> bool:
    while isinstance(source, Subset):
        source = source.dataset
    return isinstance(source, ImageFiles)


def _hash(tensors: tuple[Tensor, ...]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        some = tensor
        if tensor.numel() * tensor.element_size() > ALL_BYTES:
            some = tensor[_spaced(len(tensor), ROWS).to(tensor.device)]
        digest.update(str(list(tensor.shape)).encode())
        digest.update(some.cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _spaced(n: int, most: int) -> Tensor:
    """At most so many whole numbers below n, the first and the last among them."""
    return torch.linspace(0, n - 1, min(n, most), dtype=torch.float64).round().long()
