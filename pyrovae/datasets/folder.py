"""A folder of image files, with sub-folders for classes where there are any."""

from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Subset

from pyrovae.datasets.binarization import Binarization
from pyrovae.datasets.data import Data
from pyrovae.datasets.image_paths import find_images
from pyrovae.datasets.images import ImageFiles, Pixels, read_header
from pyrovae.datasets.loader_split import LoaderSplit
from pyrovae.datasets.memory import MEMORY_LIMIT
from pyrovae.datasets.partition import Amount, split_indices, split_tensors

__all__ = ["read_folder"]


def read_folder(
    path: Path,
    *,
    binarization: Binarization,
    validation: Amount,
    test: Amount,
    image_size: int | None,
    seed: int,
    num_workers: int,
) -> Data:
    """Reads a folder of images and divides them at random.

    Images are grey (one channel) if all of them are, and colour (three channels) otherwise. They
    are turned upright as their EXIF tags say, palettes become colours, and transparency is
    dropped, with the colours below it as they are stored. Up to 1 GiB of 32-bit floats they are
    kept in memory; above, each is read when it is needed, and a damaged one is found then.

    Args:
        path: A folder of images, or of sub-folders that each hold the images of one class.
        binarization: The protocol applied to the pixels.
        validation: The validation data: an int is their number, a float their fraction.
        test: The test data, likewise.
        image_size: The side, in pixels, of the centred square that images are cut and resized
            to; None leaves their size, which must then be the same for all.
        seed: The seed of the split and of static binarization.
        num_workers: The processes that read images in the background.

    Raises:
        ValueError: If there are no images, two of different size, one that is damaged, has more
            than 8 bits a channel, several frames or too many pixels (the file is named), images
            beside sub-folders of images, a link that leads nowhere or round in a circle, or too
            few images to train on.
    """
    files, labels, classes = find_images(path)
    (width, height), channels = _headers(files, sized=image_size is not None)
    if image_size is not None:
        width = height = image_size
    images = ImageFiles(files, Pixels(image_size=image_size, channels=channels))
    record = {"source": str(path), "image_size": image_size}
    if 4 * len(files) * channels * height * width <= MEMORY_LIMIT:
        pixels = torch.stack([images[i] for i in range(len(images))])
        try:
            return split_tensors(
                pixels,
                labels=labels,
                validation=validation,
                test=test,
                seed=seed,
                binarization=binarization,
                name=path.resolve().name,
                label_names=classes,
                record=record,
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    indices = split_indices(len(files), validation=validation, test=test, seed=seed)
    splits: dict[str, Any] = {
        role: LoaderSplit(
            Subset(images, index.tolist()),
            labels=None if labels is None else labels[index],
            binarization=binarization,
            num_workers=num_workers,
        )
        for role, index in zip(("train", "validation", "test"), indices, strict=True)
        if len(index)
    }
    return Data(
        **splits,
        name=path.resolve().name,
        label_names=classes,
        record={"partition": "random", "seed": seed, **record},
    )


def _headers(files: list[Path], *, sized: bool) -> tuple[tuple[int, int], int]:
    """Reads all headers: the common size, as width and height, and the number of channels."""
    first: tuple[int, int] | None = None
    channels = 1
    for file in files:
        header = read_header(file)
        channels = max(channels, header.channels)
        first = first or header.size
        if header.size != first and not sized:
            raise ValueError(
                f"expected images of the same size, got {files[0].name} of {first[0]}x{first[1]} "
                f"and {file.name} of {header.size[0]}x{header.size[1]}; image_size resizes them"
            )
    if first is None:
        raise ValueError("expected at least one image, got none")
    return first, channels
