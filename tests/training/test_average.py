"""The moving average of the weights: its formula, where it is used, and where it is kept."""

from functools import partial

import pytest
import torch
from tiny import binary_data, same, state, tiny_vae
from torch.optim import SGD

from pyrovae import fit
from pyrovae.datasets import Data
from pyrovae.evaluation import elbo
from pyrovae.training import Callback, WeightAverage

quiet = partial(fit, progress=False, device="cpu", batch_size=5, epochs=3)


def data():
    return Data(binary_data(12), validation=binary_data(6, seed=1))


class States(Callback):
    def __init__(self):
        self.states = []

    def on_step(self, training, loss):
        self.states.append(state(training.model))


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9])
def test_it_is_the_average_of_the_formula(decay):
    vae, average, seen = tiny_vae(batch_norm=True), WeightAverage(decay), States()
    expected = {name: tensor.double() for name, tensor in state(vae).items()}
    quiet(vae, data(), average=average, callbacks=[seen])
    assert average.updates == len(seen.states) == 9
    for t, weights in enumerate(seen.states, start=1):
        d = min(decay, (1 + t) / (10 + t))
        for name, tensor in weights.items():
            if tensor.is_floating_point():
                expected[name] = d * expected[name] + (1 - d) * tensor
            else:  # a count of batches is the model's own
                expected[name] = tensor.double()
    for name, tensor in average.weights.items():
        torch.testing.assert_close(tensor.double(), expected[name], rtol=1e-5, atol=1e-6)


def test_training_is_what_it_is_without_and_the_model_has_its_own_weights():
    plain, averaged = tiny_vae(), tiny_vae()
    a = quiet(plain, data())
    b = quiet(averaged, data(), average=WeightAverage(0.9))
    assert same(state(plain), state(averaged))
    assert a.column("loss") == b.column("loss")
    assert a.column("validation_loss") != b.column("validation_loss")


def test_validation_is_of_the_average():
    vae, average, split = tiny_vae(dropout=0.3), WeightAverage(0.9), data()
    history = quiet(vae, split, average=average)
    before = state(vae)
    parameters = [id(p) for p in vae.parameters()]
    with average.applied(vae):
        assert same(state(vae), average.weights)
        assert elbo(vae, split.validation, batch_size=5).elbo == history[-1]["validation_elbo"]
    assert same(state(vae), before)
    assert [id(p) for p in vae.parameters()] == parameters
    assert elbo(vae, split.validation, batch_size=5).elbo != history[-1]["validation_elbo"]


def test_a_block_that_fails_gives_the_weights_back():
    vae, average = tiny_vae(), WeightAverage(0.5)
    quiet(vae, data(), average=average)
    before = state(vae)

    def fail():
        with average.applied(vae):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert same(state(vae), before)


def test_early_stopping_goes_back_to_the_best_average():
    split = Data(torch.ones(8, 4), validation=torch.zeros(8, 4))  # validation only gets worse
    vae, average, kept = tiny_vae(), WeightAverage(0.5), []
    history = quiet(
        vae,
        split,
        epochs=20,
        patience=2,
        optimizer=partial(SGD, lr=0.1),
        average=average,
        on_epoch=lambda row: kept.append({n: t.clone() for n, t in average.weights.items()}),
    )
    assert history.best_epoch == 1
    assert len(history) == 3
    assert same(state(vae), kept[0])


def test_it_is_kept_in_the_checkpoint_and_goes_on(tmp_path):
    path = tmp_path / "run.pt"
    whole, average = tiny_vae(), WeightAverage(0.9)
    history = quiet(whole, data(), average=average)

    class Stop(Callback):
        def on_step(self, training, loss):
            if training.step == 5:
                training.stop("told to")

    first = WeightAverage(0.9)
    quiet(tiny_vae(), data(), average=first, checkpoint=path, callbacks=[Stop()])
    content = torch.load(path, weights_only=True)["training"]["average"]
    assert content["decay"] == 0.9
    assert content["updates"] == 5
    assert same(content["weights"], first.weights)
    resumed, again = tiny_vae(seed=4), WeightAverage(0.9)
    rows = quiet(resumed, data(), average=again, checkpoint=path, resume=True)
    assert again.updates == average.updates
    assert same(again.weights, average.weights)
    assert same(state(resumed), state(whole))
    assert rows.column("validation_loss") == history.column("validation_loss")


def test_another_run_begins_anew():
    average = WeightAverage(0.5)
    quiet(tiny_vae(), data(), average=average)
    first = {name: tensor.clone() for name, tensor in average.weights.items()}
    quiet(tiny_vae(), data(), average=average)
    assert average.updates == 9
    assert same(average.weights, first)


def test_what_is_refused():
    for decay in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match=r"decay: expected a number in \[0, 1\)"):
            WeightAverage(decay)
    with pytest.raises(ValueError, match="average: expected a WeightAverage, got 0.999"):
        quiet(tiny_vae(), data(), average=0.999)
    empty = WeightAverage()
    with pytest.raises(ValueError, match="there is no average yet"), empty.applied(tiny_vae()):
        pass
    quiet(tiny_vae(), data(), average=empty)
    other = tiny_vae(hidden=(5,))
    with pytest.raises(ValueError, match="do not fit the model"), empty.applied(other):
        pass
