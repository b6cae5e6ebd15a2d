"""A folder of image files, with sub-folders for classes where there are any."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Subset

from pyrovae.datasets.binarization import Binarization
from pyrovae.datasets.data import Data
from pyrovae.datasets.images import GREY_MODES, ImageFiles, Pixels
from pyrovae.datasets.loader_split import LoaderSplit
from pyrovae.datasets.memory import MEMORY_LIMIT
from pyrovae.datasets.partition import Amount, split_indices, split_tensors
from pyrovae.datasets.paths import IMAGE_SUFFIXES

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

    Images are grey (one channel) if all of them are, and colour (three channels) otherwise. Up
    to 1 GiB of 32-bit floats they are kept in memory; above, each is read when it is needed.

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
        ValueError: If there are no images, two of different size, one that cannot be read as
            8-bit pixels, images beside sub-folders of images, or too few to train on.
    """
    files, labels, classes = _find(path)
    (width, height), channels = _headers(files, sized=image_size is not None)
    if image_size is not None:
        width = height = image_size
    images = ImageFiles(files, Pixels(image_size=image_size, channels=channels))
    record = {"source": str(path), "image_size": image_size}
    if 4 * len(files) * channels * height * width <= MEMORY_LIMIT:
        return split_tensors(
            torch.stack([images[i] for i in range(len(images))]),
            labels=labels,
            validation=validation,
            test=test,
            seed=seed,
            binarization=binarization,
            name=path.resolve().name,
            label_names=classes,
            record=record,
        )
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


def _find(path: Path) -> tuple[list[Path], Tensor | None, tuple[str, ...] | None]:
    """Lists the image files, with labels and class names where sub-folders hold them."""
    loose = sorted(file for file in path.iterdir() if _is_image(file))
    folders = sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
    members = {f.name: sorted(file for file in f.rglob("*") if _is_image(file)) for f in folders}
    members = {name: found for name, found in members.items() if found}
    if loose and members:
        raise ValueError(
            f"{path}: expected images or sub-folders of images, got {loose[0].name} beside "
            f"the sub-folder {next(iter(members))}"
        )
    if loose:
        return loose, None, None
    if not members:
        raise ValueError(f"{path}: expected images ({', '.join(IMAGE_SUFFIXES)}), found none")
    labels = [label for label, found in enumerate(members.values()) for _ in found]
    files = [file for found in members.values() for file in found]
    return files, torch.tensor(labels), tuple(members)


def _is_image(path: Path) -> bool:
    return (
        path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _headers(files: list[Path], *, sized: bool) -> tuple[tuple[int, int], int]:
    """Reads all headers: the common size, as width and height, and the number of channels."""
    first: tuple[int, int] | None = None
    channels = 1
    for file in files:
        try:
            with Image.open(file) as image:
                size, mode = image.size, image.mode
        except (UnidentifiedImageError, OSError) as error:
            raise ValueError(f"{file}: expected an image, got a file that is none") from error
        if mode.startswith("I") or mode == "F":
            # PIL would clip these to 255.
            raise ValueError(f"{file}: expected 8 bits a channel, got an image of mode {mode}")
        if mode not in GREY_MODES:
            channels = 3
        first = first or size
        if size != first and not sized:
            raise ValueError(
                f"expected images of one size, or image_size to resize them to, got "
                f"{files[0].name} of {first[0]}x{first[1]} and {file.name} of {size[0]}x{size[1]}"
            )
    if first is None:
        raise ValueError("expected at least one image, got none")
    return first, channels
