"""Iterable data sets and loaders of them, with a length and without, in passes and in epochs."""

import pytest
import torch
from streams import Dicts, Shuffled, Sized, Stream, rows
from torch.utils.data import DataLoader, TensorDataset

from pyrovae.datasets import Data, StreamSplit, as_split, keyed
from pyrovae.datasets.first import First
from pyrovae.datasets.stream_epochs import StreamEpochs

X = rows(7)
CPU = torch.device("cpu")
SOURCES = {
    "data set": (lambda: Stream(X), None),
    "data set with a length": (lambda: Sized(X), 7),
    "loader": (lambda: DataLoader(Stream(X), batch_size=3), None),
    "loader with a length": (lambda: DataLoader(Sized(X), batch_size=3), 7),
    "workers": (lambda: DataLoader(Stream(X), batch_size=3, num_workers=2), None),
    "keyed": (lambda: keyed(Dicts(X), "image"), None),
    "keyed loader": (lambda: keyed(DataLoader(Dicts(X), batch_size=3), "image"), None),
}


def joined(batches):
    return torch.cat([x for (x,) in batches])


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("read", [as_split, lambda source: Data(train=source).train.leading(1)])
def test_a_pass_goes_to_the_end(name, read):
    make, length = SOURCES[name]
    split = read(make())
    assert split.length == length
    assert split.shape == (4,)
    found = joined(split.batches(3, shuffle=True))
    if name == "workers":  # batches of one worker follow those of the other
        assert sorted(found.tolist()) == sorted(X.tolist())
    else:
        assert torch.equal(found, X)
    assert len(joined(split.batches(3))) == 7  # and again


def test_what_is_said_of_a_stream_without_a_length():
    split = as_split(Stream(X))
    assert Data(train=split).sizes == {"train": None}
    assert repr(split).startswith("StreamSplit(a stream of data, shape=(4,)")
    with pytest.raises(ValueError, match=r"length is only known at its end: define __len__"):
        len(split)
    assert torch.equal(split.take(5)[0], X[:5])
    assert torch.equal(split.take(50)[0], X)
    first = First(split, 5)
    assert first.length is None
    assert torch.equal(joined(first.batches(2)), X[:5])
    double = split.cast(torch.float64)
    assert double.length is None
    assert torch.equal(joined(double.batches(2)), X.double())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: StreamSplit(TensorDataset(X)), "expected an IterableDataset .* got TensorD"),
        (lambda: StreamSplit(DataLoader(TensorDataset(X))), "use LoaderSplit for indexed data"),
        (lambda: StreamSplit(Stream(X), binarization="static"), "use dynamic"),
        (lambda: StreamSplit(Stream(X[:0])), "at least one datum, got none"),
        (lambda: as_split(DataLoader(Stream(X), batch_size=None)), "use batch_size=128"),
        (lambda: as_split(Stream(X))._append(X), "got a stream: let it return the labels"),
        (lambda: list(as_split(Stream([X[0], X[1, :2]])).batches(2)), "of one shape"),
        (
            lambda: StreamEpochs(
                StreamSplit(Stream(X), sharded=True), steps=1, batch_size=1, size=2
            ),
            "batch_size: expected a datum for each of 2 processes, got 1",
        ),
        (lambda: next(epochs(Stream(X), 2).shares(CPU, least=5)), "a batch of at least 5 data"),
    ],
)
def test_what_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def epochs(source, batch_size, **options):
    found = StreamEpochs(StreamSplit(source), steps=2, batch_size=batch_size, **options)
    found.seed = 3
    return found


def taken(stream, n, **options):
    batches = stream.shares(CPU, **options)
    return [next(batches) for _ in range(n)]


def test_an_epoch_goes_on_where_the_one_before_ended():
    source = Stream(X)
    stream = epochs(source, 3)
    assert (len(stream), stream.batch_size) == (6, 3)
    first, second = taken(stream, 2), taken(stream, 2)
    assert torch.equal(joined(first), X[:6])
    assert torch.equal(joined(second), torch.cat([X[6:], X[:3]]))
    assert source.told == [0, 1]
    # A batch of a loader is of the loader's size.
    assert epochs(DataLoader(Stream(X), batch_size=4), 3).batch_size == 4


def test_batches_that_are_too_small_are_left_out():
    assert torch.equal(joined(taken(epochs(Stream(X), 3), 3, least=2)), torch.cat([X[:6], X[:3]]))


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_share_each_batch(size):
    alone = taken(epochs(Shuffled(X), 3), 5)
    ranks = [taken(epochs(Shuffled(X), 3, rank=r, size=size), 5) for r in range(size)]
    for batch, shares in zip(alone, zip(*ranks, strict=True), strict=True):
        assert torch.equal(batch[0], joined(share for share in shares if share is not None))


def test_a_rank_has_all_of_a_stream_of_its_own():
    split = StreamSplit(Stream(X), sharded=True)
    stream = StreamEpochs(split, steps=2, batch_size=5, rank=1, size=2)
    stream.seed = 3
    assert (stream.batch_size, stream.sharded) == (5, True)
    assert torch.equal(joined(taken(stream, 2)), X[:6])  # three of the five are this rank's
    loader = StreamSplit(DataLoader(Sized(X), batch_size=2), sharded=True)
    assert loader.length is None
    assert StreamEpochs(loader, steps=2, batch_size=5, rank=1, size=2).batch_size == 4


@pytest.mark.parametrize("before", range(9))
def test_a_place_is_found_again(before):
    """By passing over what was taken, with the same draws of the stream and none of anybody's."""
    stream = epochs(Shuffled(X), 2)
    taken(stream, before)
    state = stream.state_dict()
    torch.rand(1 + before)  # what is drawn between batches makes no difference
    following = joined(taken(stream, 6))
    other = epochs(Shuffled(X), 2)
    now = torch.get_rng_state()
    other.load_state_dict(state)
    assert torch.equal(joined(taken(other, 6)), following)
    assert torch.equal(torch.get_rng_state(), now)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"seed": 1, "passes": -1, "taken": 0}, "passes: expected"),
        ({"seed": 1, "passes": 0, "taken": 5}, "the stream ends after 4 batches, of which 5"),
    ],
)
def test_a_place_that_is_not_there(state, said):
    with pytest.raises(ValueError, match=said):
        epochs(Stream(X), 2).load_state_dict(state)
