"""What image files can hold besides plain grey and colour, and what is made of it."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from pyrovae.datasets import load_data

WIDTH, HEIGHT = 6, 4
# One bright corner tells all turns apart.
UPRIGHT = np.zeros((HEIGHT, WIDTH), np.uint8)
UPRIGHT[0, 0] = 255
UPRIGHT[0, 1] = 102


def read(folder, **options):
    (x,) = load_data(str(folder), pooled=True, **options).train.take(10)
    return x


STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT),
    7: np.rot90(UPRIGHT, 2).T,
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", [*STORED, 9])
def test_images_are_upright(tmp_path, suffix, orientation):
    # As EXIF 2.3 has it, 6 is to be turned by 90 degrees clockwise, and so on.
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED.get(orientation, UPRIGHT)))
    options = {"lossless": True} if suffix == "webp" else {}
    stored.save(tmp_path / f"a.{suffix}", exif=exif, **options)
    # The size in the header is that of the upright image: another file of that size agrees.
    Image.fromarray(UPRIGHT).save(tmp_path / f"b.{suffix}", **options)
    if suffix == "tif" and orientation in (5, 6, 7, 8):
        with pytest.raises(ValueError, match="a.tif: expected an upright image, .* on its side"):
            read(tmp_path)
        return
    a, b = read(tmp_path)
    assert torch.equal(a, b)
    assert torch.equal((a[0] * 255).round().to(torch.uint8), torch.from_numpy(UPRIGHT))


def test_photographs_are_turned_before_they_are_cut(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    array = np.zeros((40, 80), np.uint8)
    array[:, :40] = 200  # the left half, which is the upper one once it is upright
    Image.fromarray(array).save(tmp_path / "a.jpg", exif=exif, quality=100)
    assert read(tmp_path).shape == (1, 1, 80, 40)
    x = read(tmp_path, image_size=2)
    # JPEG is exact to a level or two in flat parts, and the edge lies between the two rows.
    torch.testing.assert_close(x[0, 0, 0], torch.full((2,), 200 / 255), atol=0.1, rtol=0)
    assert x[0, 0, 1].max() < 0.1


@pytest.mark.parametrize("transparency", [None, 0, b"\x00\x80\xff"])
def test_palettes_become_colours(tmp_path, transparency):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 51, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 2])
    options = {} if transparency is None else {"transparency": transparency}
    image.save(tmp_path / "a.png", **options)
    x = read(tmp_path)
    assert x[0, :, 0].T.flatten().tolist() == pytest.approx([1.0, 0.0, 0.2, 0.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("LA", (51, 0), [0.2]),
        ("RGBA", (255, 0, 51, 0), [1.0, 0.0, 0.2]),
        ("RGBA", (255, 0, 51, 128), [1.0, 0.0, 0.2]),
    ],
)
def test_transparency_is_dropped_and_the_colours_below_it_stay(tmp_path, mode, value, expected):
    Image.new(mode, (2, 2), value).save(tmp_path / "a.png")
    assert read(tmp_path)[0, :, 0, 0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("mode", "suffix", "channels"),
    [("CMYK", "jpg", 3), ("CMYK", "tif", 3), ("1", "tif", 1), ("L", "pgm", 1), ("1", "pbm", 1)],
)
def test_further_kinds(tmp_path, mode, suffix, channels):
    Image.new(mode, (3, 2)).save(tmp_path / f"a.{suffix}")
    assert read(tmp_path).shape == (1, channels, 2, 3)


def test_grey_images_among_colours_are_colours(tmp_path):
    Image.new("L", (2, 2), 51).save(tmp_path / "a.png")
    Image.new("RGB", (2, 2), (255, 0, 51)).save(tmp_path / "b.png")
    x = read(tmp_path)
    grey = x[x[:, 0, 0, 0] < 0.5][0]
    assert grey[:, 0, 0].tolist() == pytest.approx([0.2, 0.2, 0.2])


def sixteen(tmp_path, kind):
    """16-bit files as others write them: PIL writes grey ones alone."""
    path = tmp_path / f"a.{kind.split()[-1]}"
    if kind == "grey png":
        Image.fromarray(np.full((4, 4), 5000, np.uint16)).save(path)
    elif kind.endswith("png"):
        path.write_bytes(png(colour_type={"RGB": 2, "RGBA": 6, "LA": 4}[kind.split()[0]]))
    elif kind == "RGB ppm":
        path.write_bytes(b"P6 2 1 65535\n" + np.full(6, 5000, ">u2").tobytes())
    elif kind == "grey pgm":
        path.write_bytes(b"P5 2 1 65535\n" + np.full(2, 5000, ">u2").tobytes())
    elif kind == "RGB tif":
        path.write_bytes(tiff_of_16_bits())
    else:
        Image.new("F", (2, 2)).save(path)
    return path


def png(colour_type):
    """A PNG file of 2x1 pixels with 16 bits a channel."""
    channels = {2: 3, 4: 2, 6: 4}[colour_type]

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 2, 1, 16, colour_type, 0, 0, 0)
    row = b"\0" + np.full(2 * channels, 5000, ">u2").tobytes()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row))
        + chunk(b"IEND", b"")
    )


def tiff_of_16_bits():
    """A TIFF file of 2x1 pixels in three channels of 16 bits."""
    pixels = np.full(6, 5000, "<u2").tobytes()
    tags = [
        (256, 4, 1, 2),
        (257, 4, 1, 1),
        (258, 3, 3, 8 + len(pixels)),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (277, 3, 1, 3),
        (278, 4, 1, 1),
        (279, 4, 1, len(pixels)),
    ]
    bits = struct.pack("<HHH", 16, 16, 16)
    table = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags)
    return (
        b"II*\0"
        + struct.pack("<I", 8 + len(pixels) + len(bits))
        + pixels
        + bits
        + table
        + b"\0" * 4
    )


@pytest.mark.parametrize(
    "kind",
    ["grey png", "RGB png", "RGBA png", "LA png", "RGB ppm", "grey pgm", "RGB tif", "float tif"],
)
def test_more_than_eight_bits_are_refused(tmp_path, kind):
    path = sixteen(tmp_path, kind)
    with Image.open(path) as image:  # PIL takes it for an image
        image.load()
    with pytest.raises(
        ValueError, match=f"{path}: expected 8 bits a channel, got an image (of|with)"
    ):
        load_data(str(tmp_path))


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_several_frames_are_refused(tmp_path, suffix):
    frames = [Image.new("RGB", (4, 4), (50 * i, 0, 0)) for i in range(3)]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match=f"{path}: expected one image in a file, got 3 frames"):
        load_data(str(tmp_path))
    frames[0].save(path)
    assert read(tmp_path).shape == (1, 3, 4, 4)


def test_previews_in_photographs_are_no_frames(tmp_path):
    # Cameras put a small second picture behind the first.
    frames = [Image.new("RGB", (8, 8)), Image.new("RGB", (4, 4))]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    assert read(tmp_path).shape == (1, 3, 8, 8)
