"""The first data of a split are a split of their own."""

import pytest
import torch

from pyrovae.datasets import as_split
from pyrovae.datasets.first import First
from pyrovae.datasets.tensor_split import TensorSplit

X = torch.arange(10.0).view(5, 2)


@pytest.mark.parametrize("n", [1, 3, 4, 5, 9])
@pytest.mark.parametrize("batch_size", [1, 2, 10])
def test_the_first_data_in_batches(n, batch_size):
    split = TensorSplit(X, labels=torch.arange(5), binarization="none")
    first = First(split, n)
    assert len(first) == min(n, 5)
    batches = [x for (x,) in first.batches(batch_size)]
    assert torch.equal(torch.cat(batches), X[:n])
    assert all(len(x) == batch_size for x in batches[:-1])
    assert torch.equal(first.labels, torch.arange(5)[:n])


def test_they_are_not_shuffled_and_some_at_least():
    with pytest.raises(ValueError, match="cannot be shuffled"):
        list(First(as_split(X), 2).batches(2, shuffle=True))
    with pytest.raises(ValueError, match="n: expected at least 1, got 0"):
        First(as_split(X), 0)
