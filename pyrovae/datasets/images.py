"""Image files as tensors of 8-bit pixels."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["GREY_MODES", "ImageFiles", "Pixels"]

GREY_MODES = ("1", "L", "LA")  # PIL's names of black and white, grey, and grey with transparency


class Pixels:
    """Turns a PIL image into 8-bit pixels, dropping transparency.

    A class and not a closure: processes that read images in the background must pickle it.

    Args:
        image_size: The side, in pixels, of the centred square that the image is cut and
            resized to; None leaves its size.
        channels: 1 for grey, 3 for colour.
    """

    def __init__(self, *, image_size: int | None, channels: int) -> None:
        self.image_size = image_size
        self.channels = channels

    def __call__(self, image: Image.Image) -> Tensor:
        """Gives uint8 pixels of shape ``(channels, height, width)``."""
        image = image.convert("L" if self.channels == 1 else "RGB")
        if self.image_size is not None:
            size = (self.image_size, self.image_size)
            image = ImageOps.fit(image, size, method=Image.Resampling.BILINEAR)
        x = torch.from_numpy(np.array(image))
        return x.unsqueeze(0) if self.channels == 1 else x.movedim(-1, 0).contiguous()


class ImageFiles(Dataset[Tensor]):
    """Image files, each read when it is asked for.

    Args:
        paths: The files.
        pixels: Turns an image into pixels.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]], pixels: Pixels) -> None:
        self.paths = [Path(path) for path in paths]
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.paths[index]) as image:
            return self.pixels(image)
