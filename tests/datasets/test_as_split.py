"""Every usual source of data reads as a split."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from pyrovae.datasets import Data, LoaderSplit, Split, TensorSplit, as_split

X = torch.arange(12.0).view(6, 2)
Y = torch.arange(6)


def test_split_passes_through():
    split = TensorSplit(X)
    assert as_split(split) is split


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (X, TensorSplit),
        (X.numpy(), TensorSplit),
        (X.double().numpy(), TensorSplit),
        (X.numpy().astype(">f4"), TensorSplit),
        ((X, Y), TensorSplit),
        ([X.numpy(), Y.numpy()], TensorSplit),
        (TensorDataset(X, Y), TensorSplit),
        (torch.utils.data.Subset(TensorDataset(X, Y), range(6)), LoaderSplit),
        (DataLoader(TensorDataset(X, Y), batch_size=6), LoaderSplit),
    ],
)
def test_sources_give_the_same_data(source, kind):
    split = as_split(source, fields=1)
    assert isinstance(split, kind)
    (x,) = next(split.batches(6))
    assert x.equal(X)
    assert x.dtype == torch.float32


def test_all_fields_are_kept_unless_told_otherwise_with_their_types():
    for source in ((X, Y), (X.numpy(), Y.numpy()), TensorDataset(X, Y)):
        _, y = next(as_split(source).batches(6))
        assert y.equal(Y)
        assert y.dtype == torch.int64


def test_shapes_stay_as_they_are_and_the_array_is_copied():
    array = np.zeros((3, 5, 4), dtype=np.uint8)
    array[0] = 255
    split = as_split(array)
    array[:] = 7
    assert split.shape == (5, 4)
    assert split.take(1)[0].eq(1).all()


def test_a_read_only_array_raises_no_warning():
    array = np.zeros((3, 5), dtype=np.uint8)
    array.flags.writeable = False
    assert as_split(array).shape == (5,)


@pytest.mark.parametrize(
    ("source", "fields", "message"),
    [
        ("mnist", None, "DataLoader, got str"),
        (None, None, "DataLoader, got NoneType"),
        (Data(train=as_split(X)), None, "DataLoader, got Data"),
        ((), None, r"got tuple of \(\)"),
        ((X, "y"), None, r"got tuple of \(Tensor, str\)"),
        (X, 0, "fields to be positive, got 0"),
        (np.array([["a"]]), None, "real numbers, got dtype <U1"),
        (np.array([[None]]), None, "real numbers, got dtype object"),
        (np.array([[1j]]), None, "real numbers, got dtype complex128"),
    ],
)
def test_other_sources_are_named(source, fields, message):
    with pytest.raises(ValueError, match=message):
        as_split(source, fields=fields)


def test_a_split_of_ones_own_needs_only_batches():
    class Repeated(Split):
        def batches(self, batch_size, *, shuffle=False, device="cpu"):
            for row in X:
                yield (row.expand(2, 2),)

    split = as_split(Repeated(length=12, shape=(2,)))
    assert split.take(3)[0].equal(X[[0, 0, 1]])
    assert len(split) == 12
