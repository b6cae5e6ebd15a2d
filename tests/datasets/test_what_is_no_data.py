"""What cannot be read is refused with one sentence that says what to write instead."""

from collections import namedtuple

import numpy as np
import pytest
import torch
from forms import Items
from PIL import Image
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
)

from pyrovae.datasets import Data, TensorSplit, as_split, split_tensors

X = torch.arange(48.0).view(12, 4) / 48
ARRAY = X.numpy()
Pair = namedtuple("Pair", "x y")


class Table:
    """What pandas and polars have in common."""

    def to_numpy(self, dtype=None):
        return ARRAY

    def __len__(self):
        return 12

    def __getitem__(self, name):
        return ARRAY[:, 0]


class Rows:
    def __len__(self):
        return 12

    def __getitem__(self, i):
        return X[i]


class Stream(IterableDataset):
    def __init__(self, length=None, x=X):
        self.length, self.x = length, x

    def __iter__(self):
        return iter(self.x)

    def __len__(self):
        if self.length is None:
            raise TypeError
        return self.length


SOURCES = {
    "parts": ([ARRAY, ARRAY[:5], ARRAY], r"list of 3 of shape \(12, 4\), \(5, 4\): use torch.cat"),
    "equal parts": ([X, X, X], r"a list of 3 of shape \(12, 4\): use torch.cat\(data\)"),
    "pair of parts": (
        [X, X.double()],
        "and a tuple if they are x and the tensors that belong to it",
    ),
    "rows": (list(X), r"list of 12 of shape \(4,\): use torch.stack\(data\)"),
    "arrays of rows": ([X[0].numpy(), X[1].numpy()], r"\(numpy.stack for arrays\)"),
    "ragged arrays": (
        [ARRAY[0], ARRAY[1, :2]],
        r"\(4,\), \(2,\).* cropped or padded to one length",
    ),
    "numbers": (X.tolist(), r"got list: use torch.tensor\(data\)"),
    "ragged": ([[1.0, 2.0], [3.0]], "several lengths, 1 to 2; .*pad_sequence"),
    "text": (["a", "b"], "numbers in place of text"),
    "empty list": ([], r"got list of \(\)"),
    "unequal tuple": ((X, X[:5]), r"the same number of rows, got \[12, 5\].*Data\(train="),
    "unequal labels": ((X, [1, 2]), r"the same number of rows, got \[12, 2\]"),
    "unequal pair": (Pair(X, torch.arange(11)), r"got \[12, 11\]"),
    "dict": ({"image": X, "label": 1}, r"got dict: .*\('image', 'label'\).*data\['image'\]"),
    "dict items": (Items(lambda i: {"x": X[i]}, 12), r"x: .*got dict: .*\('x'\)"),
    "dict batches": (DataLoader(Items(lambda i: {"x": X[i]}, 12)), r"x: .*got dict: .*\('x'\)"),
    "list items": (Items(lambda i: X[i].tolist(), 12), r"got a list: use torch.tensor\(x\)"),
    "no fields": (Items(lambda i: (), 12), "begin with x, got an item without fields"),
    "no item": (Items(lambda i: None, 12), "got NoneType"),
    "images": (Items(lambda i: Image.new("L", (2, 2)), 3), r"got Image: use .*ToTensor\(\)"),
    "batches of images": (
        DataLoader(Items(lambda i: Image.new("L", (2, 2)), 3)),
        "make a batch of tensors, all of one shape: .*Image",
    ),
    "list of images": ([Image.new("L", (2, 2))] * 3, r"list of \(Image, .*ToTensor\(\)"),
    "numbers alone": (X[:, 0], r"got \(12,\): use x.unsqueeze\(1\)"),
    "items of numbers": (Items(lambda i: float(i), 12), r"x.unsqueeze\(1\)"),
    "one number": (torch.tensor(1.0), r"\(N, features\).*got \(\)"),
    "no data": (X[:0], "at least one datum"),
    "no values": (X[:, :0], "one value"),
    "empty set": (Items(lambda i: X[i], 0), "at least one datum, got none"),
    "empty loader": (DataLoader(Items(lambda i: X[i], 0)), "at least one datum, got none"),
    "sparse items": (Items(lambda i: X[i].to_sparse(), 12), r"use x.to_dense\(\)"),
    "table": (Table(), r'got Table: use data.to_numpy\(dtype="float32"\)'),
    "sequence": (Rows(), "got Rows: give a subclass of torch.utils.data.Dataset"),
    "generator": ((row for row in X), r"got generator: .*torch.stack\(list\(data\)\)"),
    "empty stream": (Stream(0, x=X[:0]), "at least one datum, got none"),
    "no batches": (DataLoader(Items(lambda i: X[i], 12), batch_size=None), "use batch_size=128"),
    "complex": (X.to(torch.complex64), r"complex64: use torch.view_as_real\(x\)"),
    "complex array": (ARRAY.astype(complex), "complex128: use numpy.stack"),
    "objects": (ARRAY.astype(object), r'dtype object: use x.astype\("float32"\)'),
    "array of text": (np.array([["a"]]), "return_inverse=True"),
    "dates": (np.array([["2020-01-01"]], "M8[D]"), r'use x.astype\("float32"\)'),
    "records": (np.zeros(12, [("a", "f4")]), "structured_to_unstructured"),
    "masked": (np.ma.masked_array(ARRAY, ARRAY > 0.5), r"MissingDataVAE .*\(x.filled\(0\), ~x"),
    "masked items": (
        Items(lambda i: np.ma.masked_array(ARRAY[i], ARRAY[i] > 0.5), 12),
        "masked array with 3 of 4 hidden|MissingDataVAE",
    ),
    "nested": (
        Items(lambda i: X[i, : 1 + i % 2], 12),
        r"one shape, got \(1,\), \(2,\): cut or pad",
    ),
    "meta": (X.to("meta"), "expected values, got a tensor on the meta device"),
    "NaN": (X.log() * (X > 0), "finite values, got 1 NaN and 0 infinite"),
    "infinite": (X.log(), "finite values, got 0 NaN and 1 infinite"),
    "name": ("digits", r"got str: pyrovae.load_data\('digits'\)"),
    "nothing": (None, "got NoneType"),
    "number": (3, "got int"),
    "module": (torch.nn.Linear(1, 1), "got Linear"),
}


@pytest.mark.parametrize(("source", "message"), SOURCES.values(), ids=list(SOURCES))
def test_the_first_call_says_what_to_write_instead(source, message):
    def read(split):
        return list(split.batches(12))

    for open_source in (lambda s: as_split(s, fields=1), lambda s: Data(train=s).train):
        if not isinstance(source, torch.Tensor | np.ndarray) and hasattr(source, "send"):
            source = (row for row in X)  # one that is still at its beginning
        with pytest.raises(ValueError, match=message) as caught:
            read(open_source(source))
        assert "\n" not in str(caught.value)


def test_nested_tensors():
    nested = torch.nested.nested_tensor([X[0], X[1, :2]], layout=torch.jagged)
    with pytest.raises(ValueError, match="got a nested tensor: use torch.nested.to_padded"):
        as_split(nested)


def test_a_mask_that_hides_nothing_is_none():
    assert torch.equal(as_split(np.ma.masked_array(ARRAY)).take(12)[0], X)


def test_a_list_is_a_tuple_where_it_can_be_nothing_else():
    for goes_with in (torch.arange(12), X > 0.5, torch.rand(12, 3)):
        x, other = as_split([X, goes_with]).take(12)
        assert torch.equal(x, X)
        assert torch.equal(other, goes_with)


def test_arrays_and_lists_of_labels():
    for make in (TensorSplit, lambda x, labels: split_tensors(x, labels=labels, test=0).train):
        assert make(ARRAY, labels=np.arange(12)).labels.dtype == torch.int64
        with pytest.raises(ValueError, match=r"labels: .* got list: use torch.tensor\(data\)"):
            make(ARRAY, labels=[1] * 12)
        with pytest.raises(ValueError, match="labels: .* numbers in place of text"):
            make(ARRAY, labels=["a"] * 12)


def test_faults_of_ones_own_data_set_are_shown_as_they_are():
    with pytest.raises(ZeroDivisionError):
        as_split(Items(lambda i: 1 / 0, 3))


def test_faults_in_another_process_are_one_line(tmp_path):
    from pyrovae.datasets import LoaderSplit

    split = LoaderSplit(Varying(), num_workers=1)
    with pytest.raises(ValueError, match=r"one shape, got \(4,\), \(3,\)") as caught:
        list(split.batches(12))
    assert "\n" not in str(caught.value)


class Varying(Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, i):
        return X[i, : 4 - i // 11]


@pytest.mark.parametrize(
    ("loader", "length"),
    [
        (lambda d: DataLoader(d, batch_sampler=BatchSampler(range(0, 12, 2), 4, False)), 6),
        (lambda d: DataLoader(d, batch_sampler=BatchSampler(range(0, 12, 2), 4, True)), 4),
        (lambda d: DataLoader(d, batch_sampler=[[0, 1], [5]]), 3),
        (lambda d: DataLoader(d, sampler=SubsetRandomSampler(range(5)), batch_size=2), 5),
        (lambda d: DataLoader(d, sampler=SequentialSampler(range(7)), drop_last=True), 7),
        (lambda d: DataLoader(Stream(12), batch_size=5, drop_last=True), 10),
    ],
)
def test_the_length_is_that_of_a_pass(loader, length):
    split = as_split(loader(TensorDataset(X)))
    assert len(split) == length
    assert sum(len(x) for (x,) in split.batches(1)) == length


@pytest.mark.parametrize(("length", "given"), [(11, "more"), (13, "12")])
@pytest.mark.filterwarnings("ignore:Length of IterableDataset")
def test_a_length_that_is_not_true_is_found(length, given):
    split = as_split(DataLoader(Stream(length), batch_size=1))
    with pytest.raises(ValueError, match=f"expected {length} data in a pass, .* got {given}"):
        list(split.batches(1))


def test_looking_at_data_leaves_their_own_generators_alone():
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    as_split(DataLoader(TensorDataset(X), shuffle=True, generator=generator))
    assert torch.equal(generator.get_state(), before)
