"""NumPy's files: an array of data, with labels where there are any."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from pyrovae.datasets.values import as_images, check_values, from_numpy

__all__ = ["read_arrays"]

LABEL_KEYS = ("y", "labels")


def read_arrays(path: Path) -> tuple[Tensor, Tensor | None]:
    """Reads data, and labels if there are any, from a ``.npy`` or ``.npz`` file.

    Args:
        path: A ``.npy`` file holds the data; a ``.npz`` file holds them as ``x`` or as its only
            array beside the labels, and the labels, if any, as ``y`` or ``labels``.

    Returns:
        The data with channels first, of shape ``(N, F)`` or ``(N, C, H, W)``, and the labels, of
        shape ``(N,)``, or None.

    Raises:
        ValueError: If the file is none of NumPy's, holds Python objects, or its arrays are not
            data as above; the message begins with the path.
    """
    try:
        x, y = _read(path)
        images = as_images(from_numpy(x))
        check_values(images)
        return images, None if y is None else _labels(y)
    except (ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path}: {error}") from error


def _read(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
    with path.open("rb") as file:  # np.load given a path leaves broken archives open
        # Pickled objects run code as they are read.
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            return archive, None
        labels = [key for key in archive.files if key in LABEL_KEYS]
        rest = [key for key in archive.files if key not in LABEL_KEYS]
        if "x" in rest:
            rest = ["x"]
        if len(rest) != 1 or len(labels) > 1:
            raise ValueError(
                "expected an array named 'x', or one array and no more than one of 'y' and "
                f"'labels', got {', '.join(archive.files) or 'none'}"
            )
        return archive[rest[0]], archive[labels[0]] if labels else None


def _labels(y: np.ndarray[Any, Any]) -> Tensor:
    if y.dtype.kind not in "iu" or y.ndim != 1:
        raise ValueError(f"expected labels to be integers of shape (N,), got {y.dtype} {y.shape}")
    return torch.from_numpy(y.astype(np.int64))
