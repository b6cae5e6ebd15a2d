"""Labelled data get batches of their own, and no datum is read twice or left out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from semi_supervised import C, D, make

from pyrovae import fit
from pyrovae.datasets import LabelledApart, TensorSplit
from pyrovae.objectives import ClassificationELBO
from pyrovae.training import Callback


def split_of(n, labelled, *, classes=2, binarization="none"):
    y = torch.full((n,), -1)
    y[torch.randperm(n)[:labelled]] = torch.arange(labelled) % classes
    x = torch.arange(n) / max(1, n)  # each datum bears its number
    return TensorSplit(x.unsqueeze(1), y, labels=y.clamp(min=0), binarization=binarization)


@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 12), st.integers(0, 99))
def test_each_datum_once_and_each_batch_of_one_kind(n, labelled, batch_size, seed):
    torch.manual_seed(seed)
    labelled = min(n, labelled)
    split = split_of(n, labelled)
    batches = [*LabelledApart(split).batches(batch_size, shuffle=True)]
    for _, y in batches:
        assert (y >= 0).all() or (y == -1).all()
    seen = torch.cat([x for x, _ in batches]).flatten().sort().values
    assert torch.equal(seen, split.tensors[0].flatten())
    # As few batches as there can be.
    assert len(batches) == -(-labelled // batch_size) + -(-(n - labelled) // batch_size)
    assert sum(len(x) < batch_size for x, _ in batches) <= 2
    numbers = {x.item(): y.item() for x, y in zip(*split.tensors, strict=True)}
    for x, y in batches:
        assert [numbers[value.item()] for value in x] == y.tolist()


def test_labelled_batches_come_evenly():
    torch.manual_seed(0)
    split = split_of(4000, 1000)
    kinds = [bool(y[0] >= 0) for _, y in LabelledApart(split).batches(50, shuffle=True)]
    # Of each ten batches in a row some two or three are labelled, 2.5 in the mean.
    assert all(1 <= sum(kinds[i : i + 10]) <= 4 for i in range(0, len(kinds), 10))


def test_their_own_order_stays():
    split = split_of(20, 8)
    apart = LabelledApart(split)
    for mine, its in zip(apart.batches(6), split.batches(6), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, its, strict=True))
    assert torch.equal(apart.labels, split.labels)
    assert (len(apart), apart.shape, apart.binarization) == (20, split.shape, "none")


def test_data_without_labels_in_their_batches_are_refused():
    for tensors in ([torch.rand(4, 3)], [torch.rand(4, 3), torch.rand(4)]):
        with pytest.raises(ValueError, match=r"expected batches that end with labels.*float32"):
            LabelledApart(TensorSplit(*tensors))


def test_training_takes_a_step_with_each_batch():
    x, y = torch.rand(30, D).round(), torch.arange(30) % C
    y[6:] = -1
    steps = []

    class Count(Callback):
        def on_step(self, training, loss):
            steps.append(loss.item())

    split = LabelledApart(TensorSplit(x, y))
    fit(
        make(),
        split,
        objective=ClassificationELBO(),
        epochs=2,
        batch_size=6,
        compile=False,
        progress=False,
        callbacks=[Count()],
    )
    assert len(steps) == 2 * (1 + 4)
    # A batch of labelled data alone has the whole classification term, the others nothing of it.
    assert sum(loss > 20 for loss in steps) == 2
