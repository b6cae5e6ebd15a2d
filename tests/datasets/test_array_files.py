"""NumPy's files: layouts, scales, labels, and what is refused."""

import numpy as np
import pytest
import torch

from pyrovae.datasets import load_data

RNG = np.random.default_rng(0)


def save(path, array):
    np.save(path, array)
    return str(path)


@pytest.mark.parametrize(
    ("shape", "event"),
    [
        ((20, 6), (6,)),
        ((20, 8, 6), (1, 8, 6)),
        ((20, 1, 8, 6), (1, 8, 6)),
        ((20, 3, 8, 6), (3, 8, 6)),
        ((20, 5, 8, 6), (5, 8, 6)),
        ((20, 8, 6, 1), (1, 8, 6)),
        ((20, 8, 6, 3), (3, 8, 6)),
        ((20, 8, 6, 4), (4, 8, 6)),
        ((20, 3, 8, 3), (3, 8, 3)),
    ],
)
def test_layouts(tmp_path, shape, event):
    data = load_data(save(tmp_path / "x.npy", RNG.random(shape)))
    assert data.shape == event
    assert [len(s) for s in (data.train, data.validation, data.test)] == [16, 2, 2]


def test_channels_are_moved_and_not_merely_renamed(tmp_path):
    array = RNG.random((3, 8, 6, 3))
    x = load_data(save(tmp_path / "x.npy", array), pooled=True).train.tensors[0]
    expected = torch.from_numpy(array.transpose(0, 3, 1, 2)).float()
    match = [next(i for i, e in enumerate(expected) if torch.equal(e, row)) for row in x]
    assert sorted(match) == [0, 1, 2]


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (np.array([[0, 51, 255]], dtype=np.uint8), [0, 0.2, 1]),
        (np.array([[True, False, True]]), [1, 0, 1]),
        (np.array([[-3.5, 0.0, 7.25]]), [-3.5, 0, 7.25]),
        (np.array([[0, 51, 255]], dtype=np.int64), [0, 51, 255]),
        (np.array([[0, 51, 255]], dtype=">u2"), [0, 51, 255]),
        (np.array([[0.5, 1, 2]], dtype=np.float16), [0.5, 1, 2]),
    ],
)
def test_only_eight_bits_are_scaled(tmp_path, array, values):
    x = load_data(save(tmp_path / "x.npy", array)).train.tensors[0]
    assert x.dtype == torch.float32
    assert x.tolist() == [pytest.approx(values)]


def test_name_and_record(tmp_path):
    path = save(tmp_path / "faces.npy", RNG.random((20, 6)))
    data = load_data(path, data_seed=4)
    assert data.name == "faces"
    assert data.describe()["record"] == {"source": path, "partition": "random", "seed": 4}


@pytest.mark.parametrize("keys", [("x", "y"), ("x", "labels"), ("pictures", "y"), ("x", None)])
def test_npz(tmp_path, keys):
    x, y = RNG.random((20, 6)), np.arange(20, dtype=np.uint8)
    arrays = {keys[0]: x} | ({keys[1]: y} if keys[1] else {})
    np.savez(tmp_path / "d.npz", **arrays)
    data = load_data(str(tmp_path / "d.npz"))
    if keys[1] is None:
        assert data.train.labels is None
    else:
        expected = torch.from_numpy(x).float()[data.train.labels]
        assert data.train.tensors[0].equal(expected)


def test_npz_x_is_preferred_to_other_arrays(tmp_path):
    np.savez(tmp_path / "d.npz", x=RNG.random((20, 6)), means=np.zeros(3))
    assert load_data(str(tmp_path / "d.npz")).shape == (6,)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[None, 1]]), "dtype object, whose objects are not unpickled"),
        (np.array([[1j, 1]]), "real numbers, got dtype complex128"),
        (np.array([["a", "b"]]), "real numbers, got dtype <U1"),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), "real numbers, got dtype datetime64"),
        (np.zeros((0, 3)), r"at least one datum and one value, got shape \(0, 3\)"),
        (np.zeros(3), r"2 axes \(N, features\).*got shape \(3,\)"),
        (np.zeros((2, 2, 2, 2, 2)), r"3 or 4 \(images\), got shape \(2, 2, 2, 2, 2\)"),
        (np.array([[np.nan, np.inf, 1]]), "finite values, got 1 NaN and 1 infinite"),
        (np.eye(3, dtype=np.uint8), "pass binary data as bool or float"),
    ],
)
def test_arrays_that_are_no_data(tmp_path, array, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_data(save(tmp_path / "x.npy", array))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros((2, 2)), "b": np.zeros((2, 2))}, "named 'x', or one array .* got a, b"),
        ({"y": np.zeros(2, int)}, "got y"),
        ({}, "got none"),
        ({"x": np.zeros((2, 2)), "y": np.zeros(2, int), "labels": np.zeros(2, int)}, "'labels'"),
        ({"x": np.zeros((2, 2)), "y": np.zeros(2)}, r"labels to be integers.*float64 \(2,\)"),
        ({"x": np.zeros((2, 2)), "y": np.zeros((2, 1), int)}, r"int64 \(2, 1\)"),
        ({"x": np.zeros((2, 2)), "y": np.zeros(3, int)}, "expected 2 labels, .* got 3"),
    ],
)
def test_archives_that_are_no_data(tmp_path, arrays, message):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load_data(str(tmp_path / "d.npz"), validation=0, test=0)


@pytest.mark.parametrize("content", [b"", b"not an array", b"PK\x03\x04 not an archive"])
@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_other_files_under_these_names(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name) as caught:
        load_data(str(tmp_path / name))
    assert "\n" not in str(caught.value)
