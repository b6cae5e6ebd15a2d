"""Published data in torchvision's layout: small files written here, and the real ones."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pyrovae.datasets import LoaderSplit, load_data
from pyrovae.latent_space import attribute_vector

TRAIN, TEST = 30, 10
DATA = Path(os.environ.get("PYROVAE_DATA") or Path(__file__).parents[3] / "shared" / "data")


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim])
    path.write_bytes(header + np.array(array.shape, dtype=">i4").tobytes() + array.tobytes())


def pixels(n, *shape, seed=0):
    """Random images; the first pixel of each is its number."""
    array = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    array.reshape(n, -1)[:, 0] = np.arange(n) + 100 * seed
    return array


@pytest.fixture(
    params=[("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")]
)
def idx(request, tmp_path):
    name, folder = request.param
    raw = tmp_path / folder / "raw"
    raw.mkdir(parents=True)
    for seed, (prefix, n) in enumerate((("train", TRAIN), ("t10k", TEST))):
        write_idx(raw / f"{prefix}-images-idx3-ubyte", pixels(n, 28, 28, seed=seed))
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", np.arange(n, dtype=np.uint8) % 10)
    return name, str(tmp_path)


def numbers(split):
    return (split.tensors[0][:, 0, 0, 0] * 255).round().int()


def test_idx_files(idx):
    name, root = idx
    data = load_data(name, root=root, validation=5)
    assert (data.name, data.shape) == (name, (1, 28, 28))
    assert [len(s) for s in (data.train, data.validation, data.test)] == [25, 5, TEST]
    assert len(data.label_names) == 10
    assert data.describe()["record"] == {
        "source": name,
        "partition": "published test",
        "seed": 0,
        "pooled": False,
    }
    # Validation is a random part of the training images; the test images keep their order.
    kept = torch.cat([numbers(data.train), numbers(data.validation)])
    assert kept.sort().values.tolist() == list(range(TRAIN))
    assert numbers(data.validation).tolist() != list(range(5))
    assert numbers(data.test).tolist() == list(range(100, 110))
    for split in (data.train, data.validation, data.test):
        assert split.labels.equal(numbers(split) % 100 % 10)
    expected = torch.from_numpy(pixels(TEST, 28, 28, seed=1)).unsqueeze(1) / 255
    torch.testing.assert_close(data.test.tensors[0], expected)


def test_validation_none_fraction_and_default(idx):
    name, root = idx
    assert load_data(name, root=root, validation=0).validation is None
    assert len(load_data(name, root=root, validation=0.1).validation) == 3
    with pytest.raises(ValueError, match="30 data .* 5000 for validation"):
        load_data(name, root=root)


def test_pooled_trains_on_the_test_images_too(idx):
    name, root = idx
    data = load_data(name, root=root, pooled=True)
    assert (len(data.train), data.validation, data.test) == (TRAIN + TEST, None, None)
    assert set(numbers(data.train).tolist()) == {*range(TRAIN), *range(100, 110)}
    assert data.train.labels.equal(numbers(data.train) % 100 % 10)


def test_static_bits_are_those_of_the_image_and_the_seed(idx):
    name, root = idx

    def rows(split):
        return sorted(split.tensors[0].flatten(1).int().tolist())

    data = load_data(name, root=root, validation=0, binarization="static")
    pooled = load_data(name, root=root, pooled=True, binarization="static")
    other = load_data(name, root=root, validation=0, binarization="static", data_seed=1)
    assert data.train.tensors[0].unique().tolist() == [0, 1]
    assert sorted(rows(data.train) + rows(data.test)) == rows(pooled.train)
    assert rows(data.test) != rows(other.test)


def test_labels_of_mnist_are_named_by_their_digit(idx):
    name, root = idx
    if name == "mnist":
        assert load_data(name, root=root, validation=0).label_names == tuple("0123456789")


def test_cifar_pickles_get_channels_rows(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    files = [name for name, _ in (*CIFAR10.train_list, *CIFAR10.test_list)]
    batches = [pixels(4, 3, 32, 32, seed=seed) for seed in range(6)]
    for name, batch in zip(files, batches, strict=True):
        content = {"data": batch.reshape(4, -1), "labels": [0, 1, 2, 3]}
        (folder / name).write_bytes(pickle.dumps(content))
    names = [f"class {i}" for i in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    # The published files' checksums are not those of the files written here.
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda path, md5=None: True)

    data = load_data("cifar10", root=str(tmp_path), validation=4)
    assert data.shape == (3, 32, 32)
    assert (len(data.train), len(data.validation), len(data.test)) == (16, 4, 4)
    assert data.label_names == tuple(names)
    torch.testing.assert_close(data.test.tensors[0], torch.from_numpy(batches[5]) / 255)


@pytest.fixture
def celeba(tmp_path, monkeypatch):
    """Seven faces: three for training, two for validation, two for the test."""
    from torchvision.datasets import CelebA

    folder = tmp_path / CelebA.base_folder
    (folder / "img_align_celeba").mkdir(parents=True)
    files = [f"{i + 1:06d}.jpg" for i in range(7)]
    for i, file in enumerate(files):
        # White bands at the top and the bottom, outside the centred square of 24 x 24.
        face = np.full((36, 24, 3), 30 * i, dtype=np.uint8)
        face[:6] = face[30:] = 255
        Image.fromarray(face).save(folder / "img_align_celeba" / file, quality=95)

    def table(name, rows, header=""):
        lines = [
            f"{file} {' '.join(map(str, row))}" for file, row in zip(files, rows, strict=True)
        ]
        (folder / name).write_text(header + "\n".join(lines) + "\n")

    names = [f"Attribute_{i}" for i in range(40)]
    signs = [[1 if (i + j) % 3 == 0 else -1 for j in range(40)] for i in range(7)]
    table("list_attr_celeba.txt", signs, f"7\n{' '.join(names)} \n")
    table("list_eval_partition.txt", [[0], [0], [0], [1], [1], [2], [2]])
    table("identity_CelebA.txt", [[i] for i in range(7)])
    table("list_bbox_celeba.txt", [[0] * 4] * 7, "7\nx y w h\n")
    table("list_landmarks_align_celeba.txt", [[0] * 10] * 7, "7\na b c d e f g h i j\n")
    # torchvision compares with the checksums of the published files.
    monkeypatch.setattr(CelebA, "_check_integrity", lambda self: True)
    return str(tmp_path)


def test_celeba(celeba):
    data = load_data("celeba", root=celeba, image_size=12)
    assert data.shape == (3, 12, 12)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [3, 2, 2]
    assert isinstance(data.train, LoaderSplit)
    assert data.attribute_names == tuple(f"Attribute_{i}" for i in range(40))
    assert data.train.attributes.shape == (3, 40)
    assert data.validation.attributes[0].tolist() == [(3 + j) % 3 == 0 for j in range(40)]
    (x,) = next(data.train.batches(8))
    middle = x[:, 0, 5, 5] * 255
    torch.testing.assert_close(middle, torch.tensor([0.0, 30.0, 60.0]), atol=4, rtol=0)
    # The white bands at the top and the bottom are cut away.
    assert x[0].max() < 0.2
    assert data.describe()["record"]["image_size"] == 12


def test_celeba_attributes_by_name_make_a_vector(celeba):
    from fake_models import Fake

    data = load_data("celeba", root=celeba, image_size=12)
    mask = data.attribute("Attribute_1")
    assert mask.tolist() == [False, False, True]
    assert data.attribute("Attribute_0", split="validation").tolist() == [True, False]
    model = Fake(data.shape, latent=(4,))
    (x,) = data.train.take(3)
    codes = model.encode(x)
    # The faces stay on the disk: the split is read in order, beside the mask.
    vector = attribute_vector(model, data.train, mask)
    torch.testing.assert_close(vector, codes[2] - codes[:2].mean(0))


def test_attributes_that_are_not_there(celeba):
    data = load_data("celeba", root=celeba, image_size=12)
    with pytest.raises(ValueError, match="among Attribute_0, .* got 'Smiling'"):
        data.attribute("Smiling")
    with pytest.raises(ValueError, match="expected a split that celeba has, got 'tset'"):
        data.attribute("Attribute_0", split="tset")
    with pytest.raises(ValueError, match="^digits has no named attributes"):
        load_data("digits").attribute("Smiling")


def test_celeba_pooled_default_size_and_binarization(celeba):
    data = load_data("celeba", root=celeba, pooled=True, binarization="dynamic")
    assert (len(data.train), data.validation, data.test) == (7, None, None)
    assert data.shape == (3, 64, 64)
    (x,) = data.train.take(2)
    assert set(x.unique().tolist()) <= {0.0, 1.0}
    with pytest.raises(ValueError, match="static binarization needs data in memory"):
        load_data("celeba", root=celeba, binarization="static")


def test_failed_download_is_said_in_one_line(tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    def fail(self):
        raise RuntimeError("Error downloading train-images:\nTried http://...\ngot: no network")

    monkeypatch.setattr(MNIST, "download", fail)
    with pytest.raises(FileNotFoundError, match="could not be downloaded to root") as caught:
        load_data("mnist", root=str(tmp_path), download=True)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    not (DATA / "MNIST" / "raw").is_dir(), reason=f"no MNIST in {DATA}: set PYROVAE_DATA"
)
def test_real_mnist():
    data = load_data("mnist", root=str(DATA), binarization="dynamic")
    assert [len(s) for s in (data.train, data.validation, data.test)] == [55_000, 5_000, 10_000]
    labels = torch.cat([data.train.labels, data.validation.labels])
    assert labels.bincount().tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert data.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    # The mean grey level of the 60,000 training images is known to be 0.1307.
    means = [55 / 60 * data.train.tensors[0].mean(), 5 / 60 * data.validation.tensors[0].mean()]
    assert abs(sum(means).item() - 0.1307) < 1e-4
    assert data.test.take(4)[0].unique().tolist() == [0, 1]


@pytest.mark.skipif(
    not (DATA / "freyfaces.npy").is_file(), reason=f"no freyfaces.npy in {DATA}: set PYROVAE_DATA"
)
def test_real_frey_faces():
    data = load_data(str(DATA / "freyfaces.npy"), validation=200, test=200)
    assert data.shape == (1, 28, 20)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [1565, 200, 200]
    assert data.name == "freyfaces"
    x = data.train.tensors[0]
    torch.testing.assert_close(x * 255, (x * 255).round(), atol=1e-4, rtol=0)
    assert 0.5 < x.mean() < 0.7
