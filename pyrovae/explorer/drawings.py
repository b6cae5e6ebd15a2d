"""A picture that somebody has drawn or dropped, as a datum."""

import io
import warnings

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

__all__ = ["read_drawing"]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
MOST_PIXELS = 40_000_000


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
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise ValueError(
                        f"expected an image of at most {MOST_PIXELS} pixels, got more"
                    )
                upright = ImageOps.exif_transpose(image).convert("RGBA")
        flat = Image.new("RGBA", upright.size, "black")
        flat.alpha_composite(upright)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(f"expected an image of at most {MOST_PIXELS} pixels, got more") from None
    except (UnidentifiedImageError, OSError, SyntaxError, EOFError, IndexError, KeyError) as error:
        raise ValueError(
            f"expected an image ({', '.join(FORMATS)}), got a file that does not read as one"
        ) from error
    fitted = ImageOps.fit(
        flat.convert("RGB" if channels == 3 else "L"), (width, height), Image.Resampling.BOX
    )
    x = torch.from_numpy(np.array(fitted)).float() / 255
    x = x.movedim(-1, 0) if channels == 3 else x.unsqueeze(0)
    x = 1 - x if invert else x
    return x.reshape(shape).contiguous()
