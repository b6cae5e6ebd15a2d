"""The data that need no file and no download."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from pyrovae.datasets.binarization import Binarization
from pyrovae.datasets.data import Data
from pyrovae.datasets.partition import Amount, split_tensors
from pyrovae.datasets.sprites import sprites

__all__ = ["EMBEDDED", "digits"]


def digits(*, binarization: Binarization, validation: Amount, test: Amount, seed: int) -> Data:
    """Handwritten digits, 1797 images of 8x8 pixels with 17 grey levels scaled to [0, 1].

    The data have no published split: it is random. Scikit-learn bundles them.

    References:
        | Optical recognition of handwritten digits (Alpaydin and Kaynak, 1998)
        | https://archive.ics.uci.edu/dataset/80
    """
    rows = torch.from_numpy(_rows())
    return split_tensors(
        rows[:, :-1].to(torch.get_default_dtype()).div_(16).reshape(-1, 1, 8, 8),
        labels=rows[:, -1].long(),
        validation=validation,
        test=test,
        seed=seed,
        binarization=binarization,
        name="digits",
        label_names=tuple(str(i) for i in range(10)),
    )


def _rows() -> NDArray[np.float64]:
    """The pixels of each image and its label."""
    # Scikit-learn takes longer to import than all else that a command does with these data.
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    if file.is_file():
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits  # of a version that keeps its files elsewhere

    images, labels = load_digits(return_X_y=True)
    return np.column_stack([images, labels])


#: They by name; each takes a protocol, the sizes of validation and test data, and a seed.
EMBEDDED: Final[dict[str, Callable[..., Data]]] = {"digits": digits, "sprites": sprites}
