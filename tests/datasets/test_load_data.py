"""Data by name: the embedded ones, and what `load_data` refuses."""

import importlib.util
import inspect
import json
import subprocess
import sys

import pytest
import torch

from pyrovae.datasets import load_data


def test_digits_are_the_default_and_need_nothing():
    data = load_data()
    assert data.shape == (1, 8, 8)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [1437, 180, 180]
    x = data.train.tensors[0]
    assert (x.min(), x.max()) == (0, 1)
    assert torch.equal(x * 16, (x * 16).round())
    assert data.label_names == tuple("0123456789")
    assert data.train.labels.bincount().min() > 100
    assert json.loads(json.dumps(data.describe()))["sizes"]["train"] == 1437


def test_digits_follow_the_options():
    data = load_data("digits", validation=0, test=100, data_seed=1, binarization="static")
    assert (len(data.train), data.validation, len(data.test)) == (1697, None, 100)
    assert data.train.tensors[0].unique().tolist() == [0, 1]
    assert not data.test.labels.equal(load_data("digits", test=100).test.labels)
    pooled = load_data("digits", pooled=True)
    assert (len(pooled.train), pooled.validation, pooled.test) == (1797, None, None)


@pytest.mark.parametrize("where", ["its file", "its function"])
def test_digits_are_those_of_scikit_learn(where, monkeypatch):
    from sklearn.datasets import load_digits

    if where == "its function":
        elsewhere = importlib.util.spec_from_file_location("sklearn", __file__)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: elsewhere)
    images, labels = load_digits(return_X_y=True)
    split = load_data("digits", pooled=True).train
    assert torch.equal(split.tensors[0].reshape(-1, 64) * 16, torch.from_numpy(images).float())
    assert torch.equal(split.labels, torch.from_numpy(labels))


def test_digits_import_no_more_than_they_need():
    code = (
        "import sys, pyrovae.datasets as d; d.load_data('digits').train.take(1); "
        "print({'torchvision', 'sklearn', 'pandas', 'torch._dynamo'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_option_is_explained():
    options = inspect.signature(load_data).parameters
    text = inspect.getdoc(load_data)
    assert all(f"    {name}: " in text for name in options)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"data": "mnsit"},
            ValueError,
            "kmnist, cifar10, celeba, or the path of a .npy file, .* folder .*, got 'mnsit'",
        ),
        ({"data": "missing.npy"}, FileNotFoundError, "'missing.npy', found no such file"),
        ({"data": "no/such/folder"}, FileNotFoundError, "'no/such/folder', found no such file"),
        ({"data": __file__}, ValueError, "path of a .npy file.*test_load_data.py"),
        ({"data": "mnist", "test": 100}, ValueError, "published test set, .* got test=100"),
        ({"data": "celeba", "test": 0.1}, ValueError, "published test set, .* got test=0.1"),
        ({"data": "celeba", "validation": 9}, ValueError, "published validation .* validation=9"),
        ({"data": "mnist", "pooled": True, "test": 9}, ValueError, "pooled trains on all data"),
        ({"pooled": True, "validation": 9}, ValueError, "got validation=9 and test=None"),
        ({"image_size": 32}, ValueError, "image_size=32 for 'digits'"),
        ({"data": "mnist", "image_size": 32}, ValueError, "image_size=32 for 'mnist'"),
        ({"data": "celeba", "image_size": 0}, ValueError, "to be positive, got 0"),
        ({"binarization": "bernoulli"}, ValueError, "got 'bernoulli'"),
        ({"validation": 1797}, ValueError, "left for training"),
    ],
)
def test_errors_say_what_was_expected_and_given(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        load_data(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist", "cifar10", "celeba"])
def test_missing_files_name_the_root_and_the_way_out(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=f"{name} in root .*--download") as caught:
        load_data(name, root=str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
