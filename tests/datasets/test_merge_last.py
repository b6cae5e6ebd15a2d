"""A last batch of one datum joins the one before."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from pyrovae.datasets import TensorSplit, as_split
from pyrovae.datasets.batches import merge_last

X = torch.arange(120.0).view(60, 2)


@settings(max_examples=150, deadline=None)
@given(n=st.integers(1, 60), size=st.integers(1, 61), loader=st.booleans())
def test_no_batch_of_one_is_last_and_nothing_is_lost(n, size, loader):
    x, y = X[:n], torch.arange(n)
    source = DataLoader(TensorDataset(x, y), batch_size=size) if loader else TensorSplit(x, y)
    split = as_split(source)
    plain = [len(a) for a, _ in split.batches(size)]
    merged = list(merge_last(split.batches(size), length=len(split)))
    sizes = [len(a) for a, _ in merged]
    assert torch.equal(torch.cat([a for a, _ in merged]), x)
    assert torch.equal(torch.cat([b for _, b in merged]), y)
    if plain[-1] == 1 and n > 1:
        assert sizes == [*plain[:-2], plain[-2] + 1]
    else:
        assert sizes == plain
    assert sizes[-1] > 1 or n == 1


def test_no_batch_is_read_ahead_of_its_turn():
    drawn = []

    def batches():
        for size in (2, 2, 2, 1):
            drawn.append(size)
            yield (torch.zeros(size, 1),)

    read = [list(drawn) for _ in merge_last(batches(), length=7)]
    assert read == [[2], [2, 2], [2, 2, 2, 1]]


@pytest.mark.parametrize("length", [5, 7])
def test_lengths_that_are_not_true_lose_nothing(length):
    batches = [(torch.zeros(2, 1),), (torch.ones(2, 1),), (torch.ones(2, 1),)]
    merged = list(merge_last(batches, length=length))
    assert sum(len(x) for (x,) in merged) == 6
