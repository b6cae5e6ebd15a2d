"""Labels in batches: all of them, or a few of each class."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from pyrovae import load_data
from pyrovae.datasets import Data, LoaderSplit, TensorSplit

X = torch.arange(24.0).view(12, 2) / 24
Y = torch.tensor([0, 1, 2] * 4)


class Rows(Dataset):
    def __init__(self, make=lambda i: X[i]):
        self.make = make

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return self.make(i)


def read(split, **options):
    batches = list(split.batches(5, **options))
    return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))


SPLITS = {
    "tensors": lambda: TensorSplit(X, labels=Y),
    "dataset": lambda: LoaderSplit(Rows(), labels=Y),
    "tuples": lambda: LoaderSplit(Rows(lambda i: (X[i], "name")), fields=1, labels=Y),
}
over_splits = pytest.mark.parametrize("make", SPLITS.values(), ids=list(SPLITS))


@over_splits
def test_each_datum_comes_with_its_label(make):
    split = make().with_labels()
    for shuffle in (False, True):
        x, y = read(split, shuffle=shuffle)
        assert y.dtype == torch.int64
        rows = (x[:, 0] * 12).round().long()
        assert torch.equal(Y[rows], y)
        assert torch.equal(rows, torch.arange(12)) != shuffle
    assert [len(t) for t in split.take(7)] == [7, 7]
    assert torch.equal(split.labels, Y)
    assert split.shape == (2,)


@over_splits
def test_a_few_labels_of_each_class(make):
    split = make().with_labels(labelled=6, seed=1)
    _, y = read(split)
    assert torch.bincount(y[y >= 0]).tolist() == [2, 2, 2]
    assert set(y.tolist()) == {-1, 0, 1, 2}
    assert ((y == Y) | (y == -1)).all()
    assert torch.equal(split.labels, Y)
    assert torch.equal(read(make().with_labels(labelled=6, seed=1))[1], y)
    others = [read(make().with_labels(labelled=6, seed=s))[1] for s in range(2, 6)]
    assert not all(torch.equal(other, y) for other in others)


def test_labels_stand_behind_what_is_there_already():
    _, mask, y = TensorSplit(X, X > 0.5, labels=Y).with_labels().take(12)
    assert torch.equal(mask, X > 0.5)
    assert torch.equal(y, Y)


@pytest.mark.parametrize("binarization", ["none", "threshold", "static", "dynamic"])
def test_values_and_protocol_stay(binarization):
    split = TensorSplit(X, labels=Y, binarization=binarization)
    labelled = split.with_labels()
    assert labelled.binarization == binarization
    torch.manual_seed(3)
    (before,) = read(split)
    torch.manual_seed(3)
    after, _ = read(labelled)
    assert torch.equal(before, after)
    lazy = LoaderSplit(Rows(), labels=Y, binarization="dynamic").with_labels()
    assert set(read(lazy)[0].unique().tolist()) == {0.0, 1.0}


def test_eight_bits_are_divided_once():
    x = torch.tensor([[0, 51], [255, 102]], dtype=torch.uint8)
    found, y = read(TensorSplit(x, labels=Y[:2].to(torch.uint8)).with_labels())
    torch.testing.assert_close(found, torch.tensor([[0.0, 0.2], [1.0, 0.4]]))
    assert y.tolist() == [0, 1]


def test_data_hide_labels_of_the_training_data_alone_and_say_so():
    data = load_data("digits", binarization="dynamic").with_labels(labelled=100, seed=7)
    _, y = data.train.take(10_000)
    assert torch.bincount(y[y >= 0]).tolist() == [10] * 10
    for split in (data.validation, data.test):
        assert torch.equal(split.take(10_000)[1], split.labels)
    assert data.record["labelled"] == 100
    assert data.record["label_seed"] == 7
    assert data.binarization == "dynamic"
    everything = load_data("digits").with_labels()
    assert torch.equal(everything.train.take(10_000)[1], everything.train.labels)
    assert "labelled" not in everything.record


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: TensorSplit(X).with_labels(), "expected data with labels, got none"),
        (
            lambda: TensorSplit(X, labels=Y).with_labels(labelled=7),
            "multiple of the number of classes, 3",
        ),
        (lambda: TensorSplit(X, labels=Y).with_labels(labelled=0), "positive multiple .* got 0"),
        (
            lambda: TensorSplit(X, labels=Y).with_labels(labelled=15),
            "at least 5 data of each class to keep 15 labels, but class 0 has 4",
        ),
        (
            lambda: LoaderSplit(DataLoader(Rows(), batch_size=3), labels=Y).with_labels(),
            "expected a Dataset .* got a DataLoader",
        ),
        (
            lambda: Data(TensorSplit(X, labels=Y), test=TensorSplit(X), name="rows").with_labels(),
            "rows, test: expected data with labels, got none",
        ),
    ],
)
def test_labels_that_cannot_be_had(make, said):
    with pytest.raises(ValueError, match=said):
        make()
