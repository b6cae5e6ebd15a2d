"""Image files as tensors of 8-bit pixels."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["Header", "ImageFiles", "Pixels", "UnreadableImage", "read_header"]

GREY_MODES = ("1", "L", "LA", "La")  # black and white, grey, and grey with transparency
PALETTES = ("P", "PA")
ORIENTATION = 0x0112  # tags of EXIF and TIFF
BITS_PER_SAMPLE = 0x0102
# Formats with several pictures in a file that are not one picture at several sizes.
ANIMATED = ("GIF", "PNG", "TIFF", "WEBP")


class UnreadableImage(ValueError):
    """A file that holds no image, or a damaged one.

    Args:
        message: What is wrong, in one line. Of an error in another process this is the last line
            of its traceback, and the name of this class stands before it.
    """

    def __init__(self, message: str) -> None:
        last = (str(message).strip().splitlines() or ["an image that cannot be read"])[-1]
        super().__init__(last.removeprefix(f"{__name__}.{type(self).__name__}: "))


class Header(NamedTuple):
    """What is known of an image before its pixels are read.

    Attributes:
        size: Width and height, upright.
        channels: 1 for grey, 3 for colour.
    """

    size: tuple[int, int]
    channels: int


def read_header(path: Path) -> Header:
    """Reads the header of an image file.

    Raises:
        UnreadableImage: If the file cannot be read as one image of 8 bits a channel; it is named.
    """
    with _opened(path) as image:
        width, height = image.size
        if _orientation(image) > 4:  # on its side
            width, height = height, width
        return Header((width, height), 1 if image.mode in GREY_MODES else 3)


class Pixels:
    """Turns a PIL image into 8-bit pixels, upright, dropping transparency.

    Colours stay as they are stored where they are transparent. A class and not a closure:
    processes that read images in the background must pickle it.

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
        turn = _TURNS.get(_orientation(image))
        if image.format == "TIFF":  # some versions of PIL turn these as they read them
            turn, image = None, ImageOps.exif_transpose(image)
        if image.mode in PALETTES:  # whose transparency may be in bytes, which PIL warns of
            image = image.convert("RGBA")
        image = image.convert("L" if self.channels == 1 else "RGB")
        if turn is not None:
            image = image.transpose(turn)
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

    Raises:
        UnreadableImage: When an image is asked for whose file is damaged; it is named.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]], pixels: Pixels) -> None:
        self.paths = [Path(path) for path in paths]
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        with _opened(self.paths[index]) as image:
            return self.pixels(image)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Opens an image, and names its file in whatever goes wrong until it is closed."""
    try:
        with Image.open(path) as image:
            _check(image)
            yield image
    except UnidentifiedImageError as error:
        raise UnreadableImage(f"{path}: expected an image, got a file of another type") from error
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise UnreadableImage(
            f"{path}: expected an image of at most {most} pixels, got more: cut it into pieces"
        ) from error
    except MemoryError as error:
        raise UnreadableImage(f"{path}: its pixels need more memory than is left") from error
    except OSError as error:
        raise UnreadableImage(
            f"{path}: {error.strerror or f'the image is damaged ({error})'}"
        ) from error
    except (SyntaxError, ValueError, IndexError, KeyError, EOFError, OverflowError) as error:
        # What PIL's decoders meet in damaged files.
        reason = str(error) if isinstance(error, _Refused) else f"the image is damaged ({error})"
        raise UnreadableImage(f"{path}: {reason}") from error


class _Refused(ValueError):
    """An image that is whole, and not what is expected."""


def _check(image: Image.Image) -> None:
    """Refuses what PIL would read as something else."""
    if image.mode.startswith("I") or image.mode == "F":
        # PIL would clip these to 255.
        raise _Refused(f"expected 8 bits a channel, got an image of mode {image.mode}")
    if _has_more_bits(image):
        raise _Refused(
            "expected 8 bits a channel, got an image with 16, half of which would be lost"
        )
    if image.format == "TIFF" and _orientation(image) > 4:
        # PIL reads the pixels of some of these in a wrong order.
        raise _Refused("expected an upright image, got a TIFF file on its side: save it upright")
    frames = getattr(image, "n_frames", 1) if image.format in ANIMATED else 1
    if frames > 1:
        raise _Refused(
            f"expected one image in a file, got {frames} frames: save each in a separate file"
        )


def _has_more_bits(image: Any) -> bool:
    """Whether the file has more bits than the pixels that PIL makes of it."""
    if image.format == "TIFF":
        return max(image.tag_v2.get(BITS_PER_SAMPLE, (8,))) > 8
    if image.format == "PPM":
        arguments = image.tile[0].args if image.tile else ()
        return isinstance(arguments, tuple) and any(
            isinstance(value, int) and value > 255 for value in arguments
        )
    return any(";16" in str(tile.args) for tile in image.tile)


def _orientation(image: Any) -> int:
    """How the camera was held: from 1 (upright) to 8, of which those above 4 lie on a side."""
    if image.format == "TIFF":
        value = image.tag_v2.get(ORIENTATION, 1)
    elif "exif" in image.info:  # asked first: PNG files are read whole to look for it
        value = image.getexif().get(ORIENTATION, 1)
    else:
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


_TURNS: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
