"""Published sets of labelled images that fit in memory, through torchvision's own classes."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import torch

from pyrovae.datasets.binarization import Binarization, binarize
from pyrovae.datasets.data import Data
from pyrovae.datasets.partition import Amount, split_indices, tensor_splits
from pyrovae.datasets.values import as_images, to_float

__all__ = ["PUBLISHED", "open_files", "published"]

PUBLISHED = {
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
    "kmnist": "KMNIST",
    "cifar10": "CIFAR10",
}

T = TypeVar("T")


def published(
    name: str,
    *,
    root: str,
    download: bool,
    binarization: Binarization,
    validation: Amount,
    pooled: bool,
    seed: int,
) -> Data:
    """Reads one of `PUBLISHED`: its test images are the test data.

    Args:
        name: A key of `PUBLISHED`.
        root: The folder that holds, or gets, torchvision's files.
        download: Fetches the files that are missing.
        binarization: The protocol applied to the images. Static zeros and ones depend on the
            seed alone, neither on the validation size nor on pooling.
        validation: How many of the training images are kept for validation, at random.
        pooled: Trains on the training and the test images together.
        seed: The seed of the choice of validation images, and of static binarization.

    Raises:
        FileNotFoundError: If the files are not there.
        ValueError: If no training images are left.
    """
    from torchvision import datasets

    kind = getattr(datasets, PUBLISHED[name])
    sources = [
        open_files(
            partial(kind, root, train=train, download=download),
            name=name,
            root=root,
            download=download,
        )
        for train in (True, False)
    ]
    generator = torch.Generator().manual_seed(seed)
    images, labels = [], []
    for source in sources:
        x = to_float(as_images(torch.as_tensor(source.data)))
        if binarization != "dynamic":
            x = binarize(x, binarization, generator=generator)
        images.append(x)
        labels.append(torch.as_tensor(source.targets))
    if pooled:
        images, labels = [torch.cat(images)], [torch.cat(labels)]

    indices = split_indices(len(images[0]), validation=validation, test=0, seed=seed)
    splits = tensor_splits(images[0], indices, labels[0], None, binarization)
    if not pooled:
        everything = torch.arange(len(images[1]))
        nothing = everything[:0]
        splits |= {
            "test": tensor_splits(
                images[1], (everything, nothing, nothing), labels[1], None, binarization
            )["train"]
        }
    return Data(
        **splits,
        name=name,
        # torchvision calls MNIST's classes "0 - zero", ...
        label_names=tuple(c.split(" - ")[0] for c in sources[0].classes),
        record={"source": name, "partition": "published test", "seed": seed, "pooled": pooled},
    )


def open_files(opening: Callable[[], T], *, name: str, root: str, download: bool) -> T:
    """Opens torchvision's files, saying in one line where they were looked for if it fails.

    Raises:
        FileNotFoundError: If the files are missing or damaged, or cannot be downloaded.
    """
    try:
        return opening()
    except (RuntimeError, OSError) as error:
        if not download:
            raise FileNotFoundError(
                f"expected torchvision's files of {name} in root {str(root)!r}, found none or "
                "damaged ones: use another --root, or --download to get them"
            ) from error
        reason: Any = str(error).splitlines() or [type(error).__name__]
        raise FileNotFoundError(
            f"{name} could not be downloaded to root {str(root)!r}: {reason[0]}"
        ) from error
