"""Training and evaluation of iterable data sets: the same numbers as of data in memory."""

import pytest
import torch
from rank_programs import autoencoder, vae, weights
from streams import Dicts, Shuffled, Sized, Stream, rows
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import checkpoint as files
from pyrovae import encode, evaluate, fit, score
from pyrovae.datasets import Data, StreamSplit, keyed
from pyrovae.evaluation import elbo
from pyrovae.objectives import DIPELBO
from pyrovae.training import Callback, LinearWarmup

X = rows(23)


class Stop(Callback):
    """Stops after a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, training, loss):
        if training.step == self.step:
            training.stop("enough")


def trained(data, **options):
    model = autoencoder()
    history = fit(model, data, batch_size=8, progress=False, **options)
    return weights(model), history.column("loss")


def test_passes_in_epochs_are_those_of_a_loader():
    """Three batches of a pass of 23 data in an epoch, and the order is the stream's."""
    loader = DataLoader(TensorDataset(X), batch_size=8)
    known = trained(loader, epochs=2)
    for stream in (Stream(X), DataLoader(Stream(X), batch_size=8), keyed(Dicts(X), "image")):
        assert trained(stream, epochs=2, steps_per_epoch=3) == known
    assert trained(Sized(X), epochs=2) == known  # an epoch is a pass


def test_epochs_need_not_be_passes():
    """Six steps in two epochs or in three: the same steps."""
    (weights_of_two, _), (weights_of_three, losses) = (
        trained(Stream(X), epochs=n, steps_per_epoch=6 // n) for n in (2, 3)
    )
    assert weights_of_two == weights_of_three
    assert len(losses) == 3


def test_a_last_batch_is_left_out():
    loader = DataLoader(TensorDataset(X), batch_size=8, drop_last=True)
    known = trained(loader, epochs=2)
    assert trained(Stream(X), epochs=2, steps_per_epoch=2, drop_last=True) == known


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5])
def test_training_goes_on_to_the_same_bits(tmp_path, stop):
    """Within an epoch, within a pass, and between them: of an order that torch draws, too."""

    def run(model, **options):
        data = Data(train=Shuffled(X), validation=Stream(X[:5]))
        beta = LinearWarmup(2)
        options |= {"steps_per_epoch": 2, "batch_size": 9, "epochs": 3, "beta": beta}
        history = fit(model, data, progress=False, checkpoint=tmp_path / "run.pt", **options)
        return history.column("validation_loss"), history.column("loss")

    whole, parted = vae(), vae()
    known = run(whole)
    run(parted, callbacks=[Stop(stop)])
    assert run(parted, resume=True) == known
    assert weights(parted) == weights(whole)


def test_another_stream_is_refused(tmp_path):
    options = {"epochs": 1, "batch_size": 8, "progress": False, "checkpoint": tmp_path / "run.pt"}
    fit(vae(), Stream(X), steps_per_epoch=2, **options)
    with pytest.raises(ValueError, match="size .*4 steps of 8 data.* instead of .*2 steps of 8"):
        fit(vae(), Stream(X), steps_per_epoch=4, resume=True, **options)
    fit(vae(), Stream(X), steps_per_epoch=2, callbacks=[Stop(2)], **options | {"epochs": 3})
    with pytest.raises(ValueError, match="stream: taken: the stream ends after 1 batches"):
        fit(vae(), Stream(X[:5]), steps_per_epoch=2, resume=True, **options)


def test_later_epochs_are_looked_at():
    """The first epoch of a stream has not shown what the second will bring."""
    bad = torch.cat([X, torch.full((9, 4), torch.nan)])
    with pytest.raises(ValueError, match="contain NaN"):
        fit(vae(), Stream(bad), steps_per_epoch=2, batch_size=8, epochs=3, progress=False)


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        (Stream(X), {}, "steps_per_epoch: expected the number of steps in an epoch, .* got none"),
        (X, {"steps_per_epoch": 2}, "got 23 indexed data"),
        (Stream(X), {"steps_per_epoch": 0}, "steps_per_epoch: expected at least 1"),
        (
            Data(train=X, validation=Stream(X)),
            {"objective": DIPELBO()},
            "validation: DIPELBO depends on the whole batch: expected data with a length",
        ),
    ],
)
def test_what_is_refused(data, options, said):
    with pytest.raises(ValueError, match=said):
        fit(vae(), data, epochs=1, progress=False, **options)


@pytest.mark.parametrize("make", [Stream, lambda x: DataLoader(Stream(x), batch_size=5)])
def test_evaluation_of_a_stream_goes_to_its_end(make):
    """To the last bit what it is of a tensor."""
    model, numbers = vae(), {"samples": 6, "batch_size": 4}
    known, found = evaluate(model, X, **numbers), evaluate(model, make(X), **numbers)
    assert found.data == 23
    assert (found.elbo, found.log_likelihood) == (known.elbo, known.log_likelihood)
    assert torch.equal(score(model, make(X), **numbers).elbo, score(model, X, **numbers).elbo)
    assert elbo(model, make(X), batch_size=4) == elbo(model, X, batch_size=4)
    assert torch.equal(encode(model, make(X), batch_size=4), encode(model, X, batch_size=4))
    gap = evaluate(model, make(X), train=make(X), **numbers).train_elbo
    assert gap == evaluate(model, X, train=X, **numbers).train_elbo


def test_bits_are_drawn_anew_in_each_pass():
    split = StreamSplit(Stream(X), binarization="dynamic")
    one, other = (torch.cat([x for (x,) in split.batches(8)]) for _ in range(2))
    assert set(one.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("sharded", "first"), [(False, 4), (True, 0)])
def test_a_place_of_another_number_of_ranks(tmp_path, sharded, first):
    """Ranks that read the same were at one place; of parts of their own the pass begins again."""
    path = tmp_path / "run.pt"
    options = {"steps_per_epoch": 5, "batch_size": 2, "epochs": 1, "progress": False}
    options |= {"checkpoint": path}
    stream = StreamSplit(Stream(X), sharded=sharded)
    fit(autoencoder(), stream, callbacks=[Stop(2)], **options)
    content = files.read(str(path))
    content["training"]["stream"] *= 2
    files.write(path, content)
    fit(resumed := autoencoder(), stream, resume=True, **options)
    whole = autoencoder()
    order = [*range(4), *range(first, first + 6)]
    fit(whole, DataLoader(TensorDataset(X[order]), batch_size=2), epochs=1, progress=False)
    assert weights(resumed) == weights(whole)


def test_a_checkpoint_without_a_place_is_refused(tmp_path):
    options = {"steps_per_epoch": 2, "batch_size": 2, "epochs": 1, "progress": False}
    options |= {"checkpoint": tmp_path / "run.pt"}
    fit(autoencoder(), Stream(X), **options)
    content = files.read(str(tmp_path / "run.pt"))
    for given, said in (
        ([], "stream: expected a position for each rank"),
        ([{"seed": 1}], "stream: 'passes' is missing"),
        ([{"seed": 1, "passes": 0, "taken": -1}], "stream: taken: expected"),
    ):
        content["training"]["stream"] = given
        files.write(tmp_path / "run.pt", content)
        with pytest.raises(ValueError, match=said):
            fit(autoencoder(), Stream(X), resume=True, **options)
