"""Tensors in batches: sizes, order, devices, and what is refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyrovae.datasets import TensorSplit
from pyrovae.datasets.splits import in_batches

X = torch.arange(20.0).view(10, 2)


def test_batches_are_tuples_and_the_last_is_smaller():
    split = TensorSplit(X)
    batches = list(split.batches(4))
    assert all(isinstance(batch, tuple) and len(batch) == 1 for batch in batches)
    assert [len(x) for (x,) in batches] == [4, 4, 2]
    assert torch.cat([x for (x,) in batches]).equal(X)
    assert len(split) == 10
    assert split.shape == (2,)
    assert split.binarization == "none"


def test_further_tensors_stay_beside_x():
    y = torch.arange(10)
    torch.manual_seed(0)
    batches = list(TensorSplit(X, y).batches(3, shuffle=True))
    assert all(x[:, 0].equal(2.0 * y) for x, y in batches)
    assert torch.cat([y for _, y in batches]).sort().values.equal(y)
    assert batches[0][1].dtype == torch.int64


def test_shuffle_is_a_new_permutation_each_time_from_the_global_seed():
    split = TensorSplit(X)

    def order():
        return torch.cat([x for (x,) in split.batches(4, shuffle=True)])[:, 0].tolist()

    torch.manual_seed(0)
    first, second = order(), order()
    torch.manual_seed(0)
    assert first == order()
    assert first != second
    assert sorted(first) == sorted(second) == X[:, 0].tolist()


def test_reading_in_order_draws_no_random_numbers():
    before = torch.get_rng_state()
    list(TensorSplit(X).batches(4))
    assert torch.get_rng_state().equal(before)


def test_changing_a_batch_in_place_leaves_the_data_alone():
    split = TensorSplit(X.clone())
    for (x,) in split.batches(4):
        x.zero_()
    assert split.tensors[0].equal(X)


def test_eight_bits_are_scaled_and_bool_becomes_zeros_and_ones():
    (x,) = TensorSplit(torch.tensor([[0, 51, 255]], dtype=torch.uint8)).tensors
    torch.testing.assert_close(x, torch.tensor([[0.0, 0.2, 1.0]]))
    assert TensorSplit(torch.tensor([[True, False]])).tensors[0].tolist() == [[1, 0]]
    assert TensorSplit(X.double()).tensors[0].dtype == torch.float64


def test_moved_copy_is_made_once():
    split = TensorSplit(X, torch.arange(10))
    (x, y) = next(split.batches(4, shuffle=True, device="meta"))
    assert (x.device.type, y.device.type) == ("meta", "meta")
    assert split._on("meta") is split._on(torch.device("meta"))
    assert split._on("cpu") is split.tensors
    assert next(split.batches(4))[0].equal(X[:4])


@pytest.mark.cuda
def test_batches_on_cuda():
    split = TensorSplit(torch.full((1000, 4), 0.5), binarization="dynamic")
    torch.manual_seed(0)
    (first,) = next(split.batches(1000, shuffle=True, device="cuda"))
    torch.manual_seed(0)
    (again,) = next(split.batches(1000, shuffle=True, device="cuda:0"))
    assert first.is_cuda
    assert first.equal(again)
    assert abs(first.mean().item() - 0.5) < 0.04
    assert split._on("cuda") is split._on("cuda:0")


def test_take_gives_the_first_data_and_no_more_than_there_are():
    split = TensorSplit(X, torch.arange(10))
    x, y = split.take(3)
    assert x.equal(X[:3])
    assert y.tolist() == [0, 1, 2]
    assert len(split.take(99)[0]) == 10


def test_labels_and_attributes_are_kept():
    labels = torch.arange(10, dtype=torch.int32)
    attributes = torch.arange(30).view(10, 3) % 2 == 0
    split = TensorSplit(X, labels=labels, attributes=attributes)
    assert split.labels.dtype == torch.int64
    assert split.labels.tolist() == list(range(10))
    assert split.attributes.equal(attributes)
    assert "10 data, shape=(2,)" in repr(split)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TensorSplit(), "at least one tensor, got none"),
        (lambda: TensorSplit(torch.zeros(3)), r"\(N, features\).*got \(3,\)"),
        (lambda: TensorSplit(torch.zeros(0, 3)), r"at least one datum.*\(0, 3\)"),
        (lambda: TensorSplit(torch.zeros(3, 0)), r"one value, got shape \(3, 0\)"),
        (lambda: TensorSplit(X, torch.zeros(9)), r"the same number of rows, got \[10, 9\]"),
        (lambda: TensorSplit(X, torch.tensor(1)), r"the same number of rows, got \[10, 0\]"),
        (lambda: TensorSplit(torch.ones(2, 2, dtype=torch.uint8)), "zeros and ones"),
        (lambda: TensorSplit(X / 0), "got 1 NaN and 19 infinite"),
        (lambda: TensorSplit(X, binarization="dynamic"), "from 0 to 19"),
        (lambda: TensorSplit(X, binarization="static"), "from 0 to 19"),
        (lambda: TensorSplit(X, labels=torch.zeros(9).long()), r"\(10,\).*\(9,\)"),
        (lambda: TensorSplit(X, labels=torch.zeros(10)), "integers.*torch.float32"),
        (lambda: TensorSplit(X, attributes=torch.zeros(10, 2)), "bool.*torch.float32"),
        (lambda: TensorSplit(X, attributes=torch.zeros(9, 2).bool()), r"\(10, A\).*\(9, 2\)"),
        (lambda: TensorSplit(X).batches(0), "positive number of data, got 0"),
        (lambda: TensorSplit(X).take(-1), "positive number of data, got -1"),
    ],
)
def test_errors_say_what_was_expected_and_given(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@given(st.integers(1, 40), st.integers(1, 50), st.booleans())
def test_the_batches_of_a_pass_hold_each_number_once(n, batch_size, shuffle):
    parts = list(in_batches(n, batch_size, shuffle=shuffle))
    assert [len(part) for part in parts[:-1]] == [batch_size] * (len(parts) - 1)
    assert 1 <= len(parts[-1]) <= batch_size
    found = torch.cat(parts)
    torch.testing.assert_close(found.sort().values if shuffle else found, torch.arange(n))
