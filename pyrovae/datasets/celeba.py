"""CelebA: celebrities' faces with forty attributes, read from the disk as they are needed."""

from functools import partial
from typing import Any

from torch import Tensor

from pyrovae.datasets.binarization import Binarization
from pyrovae.datasets.data import Data
from pyrovae.datasets.images import Pixels
from pyrovae.datasets.loader_split import LoaderSplit
from pyrovae.datasets.vision import open_files

__all__ = ["celeba"]


def celeba(
    *,
    root: str,
    download: bool,
    binarization: Binarization,
    pooled: bool,
    image_size: int,
    num_workers: int,
) -> Data:
    """Reads CelebA with its published training, validation and test images.

    Args:
        root: The folder that holds, or gets, torchvision's folder ``celeba``.
        download: Fetches the files that are missing (this needs the package gdown).
        binarization: The protocol applied to the pixels; not static.
        pooled: Trains on all images.
        image_size: The side, in pixels, of the centred square that images are cut and resized to.
        num_workers: The processes that read images in the background.

    Raises:
        FileNotFoundError: If the files are not there.
        ValueError: If the binarization is static.

    References:
        | Deep Learning Face Attributes in the Wild (Liu et al., 2015)
        | https://arxiv.org/abs/1411.7766
    """
    from torchvision.datasets import CelebA

    roles = (
        {"train": "all"} if pooled else {"train": "train", "validation": "valid", "test": "test"}
    )
    splits: dict[str, Any] = {}
    names: tuple[str, ...] = ()
    for role, split in roles.items():
        source = open_files(
            partial(
                CelebA,
                root,
                split=split,
                transform=Pixels(image_size=image_size, channels=3),
                download=download,
            ),
            name="celeba",
            root=root,
            download=download,
        )
        attributes: Tensor = source.attr.bool()
        names = tuple(name for name in source.attr_names if name)  # the header ends in a blank
        splits[role] = LoaderSplit(
            source,
            fields=1,
            attributes=attributes,
            binarization=binarization,
            num_workers=num_workers,
        )
    return Data(
        **splits,
        name="celeba",
        attribute_names=names,
        record={
            "source": "celeba",
            "partition": "published",
            "pooled": pooled,
            "image_size": image_size,
        },
    )
