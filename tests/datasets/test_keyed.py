"""Data sets and loaders of dicts, read by the names of their values."""

import pickle

import pytest
import torch
from conditional import data as binary_data
from conditional import make as conditional_vae
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, SequentialSampler

from pyrovae import evaluate, fit
from pyrovae.datasets import as_split, keyed

X, Y = binary_data(7), torch.arange(7) % 3


class Dicts(Dataset):
    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return {"label": Y[i], "name": f"datum {i}", "image": X[i]}


class Stream(IterableDataset):
    def __len__(self):
        return len(X)

    def __iter__(self):
        return (Dicts()[i] for i in range(len(X)))


SOURCES = {
    "data set": Dicts,
    "loader": lambda: DataLoader(Dicts(), batch_size=3),
    "batch sampler": lambda: DataLoader(
        Dicts(), batch_sampler=Batches(SequentialSampler(X), 2, False)
    ),
    "iterable": Stream,
    "loader of an iterable": lambda: DataLoader(Stream(), batch_size=2),
    "workers": lambda: DataLoader(Dicts(), batch_size=3, num_workers=1),
}


class Batches(BatchSampler):
    """A batch sampler of one's own."""


@pytest.mark.parametrize("name", SOURCES)
def test_values_by_their_keys(name):
    split = as_split(keyed(SOURCES[name](), "image", "label"))
    batches = list(split.batches(4))
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    assert torch.equal(x, X)
    assert torch.equal(y, Y)
    assert as_split(keyed(SOURCES[name](), "image")).take(1)[0].shape == (1, 5)


def test_a_loader_that_shuffles_goes_on_to_and_pickles():
    torch.manual_seed(0)
    loader = keyed(DataLoader(Dicts(), batch_size=7, shuffle=True), "image", "label")
    x, y = next(iter(pickle.loads(pickle.dumps(loader))))
    order = [next(i for i in range(7) if torch.equal(row, X[i])) for row in x]
    assert order != sorted(order)
    assert torch.equal(y, Y[order]) or len({tuple(row) for row in X.tolist()}) < 7


def test_a_model_of_data_and_labels_trains_and_reports():
    model, source = conditional_vae(), keyed(Dicts(), "image", "label")
    fit(model, source, epochs=1, batch_size=4, progress=False)
    plain = evaluate(model, (X, Y), samples=5)
    assert evaluate(model, source, samples=5).elbo == pytest.approx(plain.elbo, abs=1e-4)


@pytest.mark.parametrize("source", [Dicts(), DataLoader(Dicts(), batch_size=3)])
def test_dicts_without_keys_are_named(source):
    with pytest.raises(ValueError, match=r"keys \('label', 'name', 'image'\).*keyed\("):
        as_split(source)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: keyed(Dicts()), "keys: expected the names"),
        (lambda: keyed(Dicts(), 1), "keys: expected the names"),
        (lambda: keyed([X], "image")[0], "expected dicts with the keys"),
        (lambda: keyed(3, "image"), "expected a Dataset or a DataLoader of dicts, got int"),
        (lambda: as_split(keyed(Dicts(), "picture")), "expected the key 'picture', got .'image'"),
    ],
)
def test_what_is_not_there(make, said):
    with pytest.raises(ValueError, match=said):
        make()
