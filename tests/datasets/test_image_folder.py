"""Folders of image files."""

import numpy as np
import pytest
import torch
from PIL import Image

from pyrovae.datasets import LoaderSplit, TensorSplit, load_data


def write(path, value=0, *, size=(6, 4), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


@pytest.fixture
def classes(tmp_path):
    for i in range(20):
        write(tmp_path / "pics" / ("cats" if i < 8 else "dogs") / f"{i:02d}.png", 10 * i)
    (tmp_path / "pics" / "empty").mkdir()
    (tmp_path / "pics" / "notes.txt").write_text("not an image")
    return str(tmp_path / "pics")


def test_sub_folders_are_classes(classes):
    data = load_data(classes, data_seed=3)
    assert (data.name, data.shape) == ("pics", (1, 4, 6))
    assert [len(s) for s in (data.train, data.validation, data.test)] == [16, 2, 2]
    assert data.label_names == ("cats", "dogs")
    assert isinstance(data.train, TensorSplit)
    grey = (data.train.tensors[0][:, 0, 0, 0] * 255).round()
    assert data.train.labels.equal((grey >= 80).long())
    assert data.describe()["record"] == {
        "source": classes,
        "partition": "random",
        "seed": 3,
        "image_size": None,
    }


def test_folder_larger_than_memory_gives_the_same_data_lazily(classes, monkeypatch):
    small = load_data(classes)
    monkeypatch.setattr("pyrovae.datasets.folder.MEMORY_LIMIT", 4 * 20 * 24 - 1)
    large = load_data(classes)
    for role in ("train", "validation", "test"):
        a, b = getattr(small, role), getattr(large, role)
        assert isinstance(b, LoaderSplit)
        assert a.take(20)[0].equal(b.take(20)[0])
        assert a.labels.equal(b.labels)
    assert small.describe()["sizes"] == large.describe()["sizes"]
    assert small.describe()["record"].items() <= large.describe()["record"].items()
    assert large.label_names == ("cats", "dogs")
    with pytest.raises(ValueError, match="static binarization needs data in memory"):
        load_data(classes, binarization="static")


def test_plain_folder_has_no_labels(tmp_path):
    for i in range(3):
        write(tmp_path / f"{i}.PNG", i)
    data = load_data(str(tmp_path), pooled=True)
    assert len(data.train) == 3
    assert data.train.labels is None
    assert data.label_names is None


def test_sizes_must_agree_or_be_given(tmp_path):
    write(tmp_path / "a.png", 50)
    write(tmp_path / "b.png", 50, size=(9, 5))
    with pytest.raises(ValueError, match="the same size, got a.png of 6x4 and b.png of 9x5"):
        load_data(str(tmp_path))
    assert load_data(str(tmp_path), image_size=3).shape == (1, 3, 3)


def test_image_size_keeps_the_centred_square(tmp_path):
    array = np.zeros((4, 8), dtype=np.uint8)
    array[:, :2] = array[:, 6:] = 255
    array[:, 2:6] = 100
    Image.fromarray(array).save(tmp_path / "a.png")
    (x,) = load_data(str(tmp_path), image_size=4, pooled=True).train.take(1)
    torch.testing.assert_close(x, torch.full((1, 1, 4, 4), 100 / 255))


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("L", 51, [0.2]),
        ("1", 1, [1.0]),
        ("LA", (51, 0), [0.2]),
        ("RGB", (255, 0, 51), [1.0, 0.0, 0.2]),
        ("RGBA", (255, 0, 51, 0), [1.0, 0.0, 0.2]),
        ("P", 0, None),
    ],
)
def test_channels_follow_the_images(tmp_path, mode, value, expected):
    write(tmp_path / "a.png", value, mode=mode)
    (x,) = load_data(str(tmp_path), pooled=True).train.take(1)
    assert x.shape == (1, 3 if expected is None else len(expected), 4, 6)
    if expected is not None:
        assert x[0, :, 1, 1].tolist() == pytest.approx(expected)


def test_one_colour_image_makes_all_colour(tmp_path):
    write(tmp_path / "a.png", 51)
    write(tmp_path / "b.png", (255, 0, 51), mode="RGB")
    assert load_data(str(tmp_path), pooled=True).shape == (3, 4, 6)


def test_folders_that_are_no_data(tmp_path):
    with pytest.raises(ValueError, match="expected images .* found none"):
        load_data(str(tmp_path))
    (tmp_path / "a.png").write_bytes(b"not an image")
    with pytest.raises(ValueError, match="a.png: expected an image, got a file of another type"):
        load_data(str(tmp_path))
    write(tmp_path / "cats" / "b.png")
    with pytest.raises(ValueError, match="got a.png beside the sub-folder cats"):
        load_data(str(tmp_path))


def test_sixteen_bits_are_refused(tmp_path):
    Image.fromarray(np.full((4, 4), 5000, dtype=np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="8 bits a channel, got an image of mode I"):
        load_data(str(tmp_path))
