"""Random splits: disjoint, complete, and the same for the same seed."""

import json

import pytest
import torch

from pyrovae.datasets import Data, TensorSplit, split_tensors

N = 103
X = torch.arange(float(N)).unsqueeze(1) / N
LABELS = torch.arange(N)
ATTRIBUTES = LABELS.unsqueeze(1) % torch.tensor([2, 3]) == 0


def split(**arguments):
    return split_tensors(X, labels=LABELS, attributes=ATTRIBUTES, **arguments)


def test_splits_are_disjoint_cover_everything_and_stay_aligned():
    data = split(validation=0.1, test=20, seed=1)
    parts = (data.train, data.validation, data.test)
    assert [len(part) for part in parts] == [73, 10, 20]
    assert torch.cat([part.labels for part in parts]).sort().values.equal(LABELS)
    for part in parts:
        assert part.tensors[0].equal(X[part.labels])
        assert part.attributes.equal(ATTRIBUTES[part.labels])


def test_seed_decides_and_the_global_generator_is_spared():
    before = torch.get_rng_state()
    first, same, other = (split(validation=10, test=10, seed=s) for s in (0, 0, 1))
    assert torch.get_rng_state().equal(before)
    assert first.train.labels.equal(same.train.labels)
    assert not first.train.labels.equal(other.train.labels)


def test_test_data_do_not_depend_on_the_validation_size():
    assert split(validation=5, test=10).test.labels.equal(split(validation=50).test.labels)


def test_static_bits_of_a_datum_do_not_depend_on_the_sizes():
    def bits(data):
        parts = [p for p in (data.train, data.validation, data.test) if p is not None]
        order = torch.cat([p.labels for p in parts]).argsort()
        return torch.cat([p.tensors[0] for p in parts])[order]

    x = bits(split(validation=10, test=10, seed=2, binarization="static"))
    assert ((x == 0) | (x == 1)).all()
    assert x.equal(bits(split(validation=0, test=0.5, seed=2, binarization="static")))
    assert not x.equal(bits(split(validation=10, test=10, seed=3, binarization="static")))


def test_zero_sizes_leave_splits_out():
    data = split(validation=0, test=0.0)
    assert (len(data.train), data.validation, data.test) == (N, None, None)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"validation": 100, "test": 3}, "103 data .* 100 for validation and 3 for test"),
        ({"validation": 0.5, "test": 0.5}, "left for training"),
        ({"validation": -1}, "expected validation .* got -1"),
        ({"test": 1.0}, r"expected test .* fraction below 1 \(float\), got 1.0"),
        ({"binarization": "sometimes"}, "got 'sometimes'"),
    ],
)
def test_impossible_sizes_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        split(**sizes)


def test_labels_of_another_length_are_refused():
    with pytest.raises(ValueError, match="expected 103 labels, one for each datum, got 200"):
        split_tensors(X, labels=torch.arange(200))


def test_data_accepts_any_source_and_describes_itself():
    data = Data(train=X, test=(X[:4],), name="mine", record={"source": "here"})
    assert isinstance(data.train, TensorSplit)
    assert data.describe() == {
        "name": "mine",
        "shape": [1],
        "sizes": {"train": N, "test": 4},
        "binarization": "none",
        "record": {"source": "here"},
    }
    json.dumps(split(seed=3).describe())
    assert split(seed=3).describe()["record"]["seed"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": "mnist"}, "got str"),
        ({"train": None}, "got NoneType"),
        ({"train": X, "test": X.expand(N, 2)}, r"test data of shape \(1,\).*got \(2,\)"),
        (
            {"train": X, "validation": TensorSplit(X, binarization="dynamic")},
            "validation data with binarization 'none' as in train, got 'dynamic'",
        ),
        (
            {"train": TensorSplit(X, labels=LABELS), "label_names": ("a", "b")},
            "train labels from 0 to 1 for 2 label_names, got 0 to 102",
        ),
        (
            {"train": TensorSplit(X, attributes=ATTRIBUTES), "attribute_names": ("a",)},
            "expected 1 columns in train attributes, .* got 2",
        ),
        ({"train": X, "record": {"x": X}}, "record that JSON can hold"),
    ],
)
def test_splits_that_do_not_agree_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Data(**arguments)
