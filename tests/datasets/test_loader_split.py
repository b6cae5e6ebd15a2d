"""A user's Dataset or DataLoader, read as a split."""

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, SubsetRandomSampler

from pyrovae.datasets import LoaderSplit, TensorSplit

X = torch.arange(70.0).view(10, 7) / 70


class Rows(Dataset):
    """Ten items: what ``item`` makes of each row."""

    def __init__(self, item=lambda x, i: x, size=10):
        self.item = item
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return self.item(X[index], index)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(X)


class SizedStream(Stream):
    def __len__(self):
        return 10


def labelled(x, i):
    return x, i


def bytes_of(x, i):
    return (x * 255).to(torch.uint8)


def test_dataset_in_batches():
    split = LoaderSplit(Rows())
    batches = list(split.batches(4))
    assert [len(x) for (x,) in batches] == [4, 4, 2]
    assert torch.cat([x for (x,) in batches]).equal(X)
    assert (len(split), split.shape) == (10, (7,))


def test_fields_keeps_the_leading_items():
    both = next(LoaderSplit(Rows(labelled)).batches(4))
    assert both[0].equal(X[:4])
    assert both[1].tolist() == [0, 1, 2, 3]
    assert len(next(LoaderSplit(Rows(labelled), fields=1).batches(4))) == 1
    named = LoaderSplit(Rows(lambda x, i: (x, f"datum {i}")), fields=1)
    assert next(named.batches(4))[0].equal(X[:4])


def test_order_is_that_of_a_tensor_split_with_the_same_seed():
    orders = []
    for split in (TensorSplit(X), LoaderSplit(Rows())):
        torch.manual_seed(5)
        orders.append(torch.cat([x for (x,) in split.batches(3, shuffle=True)]))
    assert orders[0].equal(orders[1])
    assert not orders[0].equal(X)


def test_data_loader_keeps_its_own_batch_size_and_length():
    split = LoaderSplit(DataLoader(Rows(labelled), batch_size=3), fields=1)
    assert [len(x) for (x,) in split.batches(100, shuffle=True)] == [3, 3, 3, 1]
    assert split.take(5)[0].equal(X[:5])
    assert len(LoaderSplit(DataLoader(Rows(), batch_size=4, drop_last=True))) == 8
    assert len(LoaderSplit(DataLoader(Rows(), sampler=SubsetRandomSampler(range(6))))) == 6
    assert len(LoaderSplit(DataLoader(SizedStream(), batch_size=4))) == 10


def test_looking_at_the_first_batch_draws_no_random_numbers():
    before = torch.get_rng_state()
    LoaderSplit(DataLoader(Rows(lambda x, i: x + torch.rand(7)), shuffle=True))
    assert torch.get_rng_state().equal(before)


def test_eight_bits_are_scaled_and_binarization_is_applied_at_each_draw():
    (x,) = next(LoaderSplit(Rows(bytes_of)).batches(10))
    torch.testing.assert_close(x, X, atol=1 / 255, rtol=0)
    (x,) = next(LoaderSplit(Rows(), binarization="threshold").batches(10))
    assert x.equal((X > 0.5).float())
    split = LoaderSplit(Rows(), binarization="dynamic")
    torch.manual_seed(0)
    (first,), (second,) = next(split.batches(10)), next(split.batches(10))
    torch.manual_seed(0)
    (again,) = next(split.batches(10))
    assert ((first == 0) | (first == 1)).all()
    assert not first.equal(second)
    assert first.equal(again)


def test_batches_come_on_the_device_asked_for():
    x, y = next(LoaderSplit(Rows(labelled)).batches(4, device="meta"))
    assert (x.device.type, y.device.type) == ("meta", "meta")


def test_reading_in_another_process():
    split = LoaderSplit(Rows(labelled), fields=1, num_workers=1)
    assert torch.cat([x for (x,) in split.batches(4)]).equal(X)


def test_labels_are_kept():
    assert LoaderSplit(Rows(), labels=torch.arange(10)).labels.tolist() == list(range(10))
    with pytest.raises(ValueError, match=r"shape \(10,\).*\(3,\)"):
        LoaderSplit(Rows(), labels=torch.arange(3))


def image(x, i):
    return Image.new("L", (4, 4)), i


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LoaderSplit(Rows(), binarization="static"), "use dynamic, or a tensor"),
        (lambda: LoaderSplit(Rows(), binarization="fixed"), "got 'fixed'"),
        (lambda: LoaderSplit(Rows(), fields=0), "fields to be positive, got 0"),
        (lambda: LoaderSplit(Rows(size=0)), "at least one datum, got none"),
        (
            lambda: LoaderSplit(Rows(image)),
            "x: expected a tensor or array, got Image: use torchvision.transforms.ToTensor",
        ),
        (
            lambda: LoaderSplit(Rows(lambda x, i: {"x": x})),
            r"got dict: give the tensors of its keys \('x'\)",
        ),
        (
            lambda: LoaderSplit(Rows(lambda x, i: (x, "a"))),
            "field 2 of a datum: .* got str: .*fields=1 leaves it out",
        ),
        (lambda: LoaderSplit(Rows(lambda x, i: i)), r"use x.unsqueeze\(1\) if each datum is one"),
        (lambda: LoaderSplit(Stream()), r"got an iterable one: use StreamSplit\(Stream"),
        (lambda: LoaderSplit(DataLoader(Stream())), "got Stream without one"),
        (lambda: LoaderSplit(DataLoader(Rows(), batch_size=None)), "got batch_size=None"),
        (lambda: LoaderSplit(Rows()).batches(0), "positive number of data, got 0"),
        (
            lambda: list(LoaderSplit(Rows(lambda x, i: x[: 7 - i // 5])).batches(1)),
            r"shape \(7,\), got \(6,\) in a batch",
        ),
        (
            lambda: list(LoaderSplit(Rows(lambda x, i: x + 1), binarization="dynamic").batches(9)),
            r"values in \[0, 1\]",
        ),
    ],
)
def test_errors_say_what_was_expected_and_given(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
