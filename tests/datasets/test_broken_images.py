"""Damaged image files, and folders that are not what they seem."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from pyrovae.datasets import load_data


def picture(seed=0, size=(16, 12), mode="RGB"):
    channels = len(mode)
    array = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.fromarray(array.squeeze())


def refused(folder, message, **options):
    with pytest.raises(ValueError, match=message) as caught:
        load_data(str(folder), **options)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp", "ppm"])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # its words on a cut TIFF
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.6, 0.9])
def test_truncated_files_are_named(tmp_path, suffix, share):
    picture(1).save(tmp_path / f"a.{suffix}")
    whole = tmp_path / f"broken.{suffix}"
    picture(2).save(whole)
    content = whole.read_bytes()
    whole.write_bytes(content[: int(share * len(content))])
    refused(tmp_path, rf"broken.{suffix}: (expected an image|the image is damaged)")


def test_damaged_pixels_are_named(tmp_path):
    picture().save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    for i in range(len(content) // 3, len(content) // 2):
        content[i] ^= 255
    (tmp_path / "a.png").write_bytes(content)
    refused(tmp_path, "a.png: the image is damaged")


def lazily(monkeypatch):
    monkeypatch.setattr("pyrovae.datasets.folder.MEMORY_LIMIT", 10)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_damage_that_shows_later_is_one_line_with_the_file(tmp_path, monkeypatch, num_workers):
    for i in range(4):
        picture(i).save(tmp_path / f"{i}.png")
    content = (tmp_path / "3.png").read_bytes()
    (tmp_path / "3.png").write_bytes(content[: len(content) // 2])
    lazily(monkeypatch)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(0)).tolist()
    assert order[0] != 3  # the first image is looked at when the folder is read
    train = load_data(str(tmp_path), pooled=True, num_workers=num_workers).train
    with pytest.raises(ValueError, match="3.png: the image is damaged") as caught:
        list(train.batches(4))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))


def test_images_of_too_many_pixels(tmp_path, monkeypatch):
    picture().save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 90)  # half of what is refused
    refused(tmp_path, "a.png: expected an image of at most 180 pixels, got more: cut it")


def test_memory_that_is_not_there(tmp_path, monkeypatch):
    picture().save(tmp_path / "a.png")

    def no_memory(*args, **options):
        raise MemoryError

    monkeypatch.setattr("pyrovae.datasets.images.Pixels.__call__", no_memory)
    refused(tmp_path, "a.png: its pixels need more memory than is left")


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    picture().save(tmp_path / "a.png")

    def forbidden(*args, **options):
        raise PermissionError(13, "Permission denied", "a.png")

    monkeypatch.setattr("PIL.Image.open", forbidden)
    refused(tmp_path, "a.png: Permission denied")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_folders_that_cannot_be_read(tmp_path):
    picture().save(tmp_path / "a.png")
    tmp_path.chmod(0)
    try:
        refused(tmp_path, "Permission denied")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("target", ["a.png", "nothing.png"])
def test_links_that_lead_nowhere(tmp_path, target):
    picture().save(tmp_path / "b.png")
    (tmp_path / "a.png").symlink_to(target)
    refused(tmp_path, "a.png: expected an image, got a link that leads nowhere")


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("loop", "."),
        ("loop", ".."),
        ("cats/loop", "."),
        ("cats/loop", ".."),
        ("cats/loop", "../cats"),
    ],
)
def test_links_in_a_circle(tmp_path, place, target):
    folder = tmp_path / "pics"
    (folder / "cats").mkdir(parents=True)
    picture().save(folder / "cats" / "a.png")
    (folder / place).symlink_to(target)
    refused(folder, "loop: expected a folder, got a link to one that holds it")


def test_links_to_folders_and_images_elsewhere_are_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pics").mkdir()
    picture().save(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "pics" / "cats").symlink_to(tmp_path / "elsewhere")
    data = load_data(str(tmp_path / "pics"), pooled=True)
    assert data.label_names == ("cats",)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: (p / "cats").mkdir()])
def test_empty_folders(tmp_path, make):
    make(tmp_path)
    refused(tmp_path, r"expected images \(.bmp, .* found none$")


def test_other_kinds_of_images_are_named(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"")
    refused(tmp_path, "found none, but a.heic")
    picture().save(tmp_path / "b.png")
    (tmp_path / "labels.csv").write_text("b.png,3")
    with pytest.warns(
        UserWarning, match=r"1 file\(s\) have types that are not read, such as a.heic"
    ):
        assert load_data(str(tmp_path), pooled=True).shape == (3, 12, 16)


def test_hidden_files_are_passed_over(tmp_path):
    picture().save(tmp_path / "a.png")
    (tmp_path / "._a.png").write_bytes(b"\0\0")
    (tmp_path / ".cache").mkdir()
    assert len(load_data(str(tmp_path), pooled=True).train) == 1


def test_images_of_several_sizes_are_named(tmp_path):
    picture(size=(6, 4)).save(tmp_path / "a.png")
    picture(size=(4, 6)).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match="a.png of 6x4 and b.png of 4x6"):
        load_data(str(tmp_path))


def test_masks_of_zeros_and_ones_are_not_made_black(tmp_path):
    Image.fromarray(np.eye(4, dtype=np.uint8)).save(tmp_path / "a.png")
    refused(tmp_path, "got only zeros and ones")


def test_an_image_size_beyond_all_memory(tmp_path):
    picture().save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="image_size=1000000: one image would take 10.9 TiB"):
        load_data(str(tmp_path), image_size=10**6)
