"""A picture that somebody has drawn or dropped, as a datum."""

import io
import warnings

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

__all__ = ["read_drawing"]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
MOST_PIXELS, LONGEST_SIDE = 16_000_000, 20_000


def read_drawing(content: bytes, shape: tuple[int, ...], *, invert: bool = False) -> Tensor:
    """Reads the bytes of an image file, cut to the data's proportions and size.

    Args:
        content: The file.
        shape: Of one datum, ``(channels, height, width)`` or ``(height, width)``.
        invert: Whether dark and light change places, as for ink on paper.

    Returns:
        Values in [0, 1], of that shape.

    Raises:
        ValueError: If the content is no image of a kind and size that is read.
    """
    channels, height, width = (1, *shape) if len(shape) == 2 else shape
    try:
        flat = _flat(content, 8 * max(height, width))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, _TooLarge):
        raise ValueError(
            f"expected an image of at most {MOST_PIXELS} pixels and {LONGEST_SIDE} a side, got more"
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder makes of a file that is damaged
        raise ValueError(
            f"expected an image ({', '.join(FORMATS)}), got a file that cannot be read as one"
        ) from error
    fitted = ImageOps.fit(
        flat.convert("RGB" if channels == 3 else "L"), (width, height), Image.Resampling.BOX
    )
    x = torch.from_numpy(np.array(fitted)).float() / 255
    x = x.movedim(-1, 0) if channels == 3 else x.unsqueeze(0)
    x = 1 - x if invert else x
    return x.reshape(shape).contiguous()


class _TooLarge(Exception):
    """An image whose header says that it is too large."""


def _flat(content: bytes, enough: int) -> Image.Image:
    """Decodes an image, and lays one that is not opaque on black.

    Args:
        content: The file.
        enough: Pixels of the shorter side; a JPEG of more is decoded to fewer where that can be.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            # Only the header has been read.
            if image.width * image.height > MOST_PIXELS or max(image.size) > LONGEST_SIDE:
                raise _TooLarge
            image.draft(None, (enough, enough))
            upright = ImageOps.exif_transpose(image)
            if upright.mode in ("L", "RGB") and "transparency" not in upright.info:
                return upright
            upright = upright.convert("RGBA")
    flat = Image.new("RGBA", upright.size, "black")
    flat.alpha_composite(upright)
    return flat
