"""Images of somebody's own: bounded by their header, and damaged ones are said to be so."""

import io
import struct

import pytest
import torch
from PIL import Image

from pyrovae.explorer import drawings
from pyrovae.explorer.drawings import LONGEST_SIDE, read_drawing


def file_of(image, kind="PNG", **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("size", [(4001, 4000), (1, LONGEST_SIDE + 1), (LONGEST_SIDE + 1, 1)])
def test_too_large_an_image_is_not_decoded(size, monkeypatch):
    content = file_of(Image.new("1", size))

    def load(*_):
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(ValueError, match="pixels and 20000 a side, got more"):
        read_drawing(content, (1, 8, 8))


@pytest.mark.parametrize("kind", [struct.error, AttributeError, TypeError, ValueError])
def test_whatever_pillow_makes_of_a_damaged_file(kind, monkeypatch):
    """Tags that hold floats where they cannot make it raise each of these, by its version."""

    def transpose(*_):
        raise kind("'float' object has no attribute 'encode'")

    monkeypatch.setattr("PIL.ImageOps.exif_transpose", transpose)
    with pytest.raises(ValueError, match="a file that cannot be read as one"):
        read_drawing(file_of(Image.new("L", (8, 8))), (1, 8, 8))


def test_memory_that_there_is_not_is_no_damage(monkeypatch):
    def load(*_):
        raise MemoryError

    monkeypatch.setattr(drawings, "_flat", load)
    with pytest.raises(MemoryError):
        read_drawing(file_of(Image.new("L", (8, 8))), (1, 8, 8))


@pytest.mark.parametrize(
    ("kind", "mode"),
    [*(("PNG", mode) for mode in ("L", "RGB", "P", "1", "RGBA")), ("JPEG", "L"), ("JPEG", "RGB")],
)
def test_a_large_image_is_the_small_one(kind, mode):
    """Its left half is white, whatever is made smaller on the way; JPEG rounds at the edge."""
    image = Image.new("L", (640, 480))
    image.paste(255, (0, 0, 320, 480))
    image = image.convert(mode)
    x = read_drawing(file_of(image, kind), (1, 8, 8))
    expected = (torch.arange(8) < 4).float().expand(1, 8, 8)
    torch.testing.assert_close(x, expected, atol=0.02, rtol=0)
