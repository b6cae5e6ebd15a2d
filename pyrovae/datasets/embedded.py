"""The data that come with the library's dependencies: no file and no download."""

import torch

from pyrovae.datasets.binarization import Binarization
from pyrovae.datasets.data import Data
from pyrovae.datasets.partition import Amount, split_tensors

__all__ = ["digits"]


def digits(*, binarization: Binarization, validation: Amount, test: Amount, seed: int) -> Data:
    """Handwritten digits, 1797 images of 8x8 pixels with 17 grey levels scaled to [0, 1].

    The data have no published split: it is random. Scikit-learn bundles them.

    References:
        | Optical recognition of handwritten digits (Alpaydin and Kaynak, 1998)
        | https://archive.ics.uci.edu/dataset/80
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return split_tensors(
        torch.from_numpy(bunch.images).to(torch.get_default_dtype()).div_(16).unsqueeze(1),
        labels=torch.from_numpy(bunch.target),
        validation=validation,
        test=test,
        seed=seed,
        binarization=binarization,
        name="digits",
        label_names=tuple(str(i) for i in range(10)),
    )
