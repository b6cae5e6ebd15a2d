"""Early stopping: when it counts, what it keeps and what it says."""

from functools import partial

import pytest
import torch
from tiny import binary_data, same, state, tiny_vae
from torch.optim import SGD

from pyrovae import fit
from pyrovae.datasets import Data
from pyrovae.evaluation import elbo
from pyrovae.training import LinearWarmup
from pyrovae.training.early_stopping import EarlyStopping

quiet = partial(fit, progress=False, device="cpu")


def test_it_waits_for_as_many_epochs_without_a_better_value():
    stopping = EarlyStopping(2)
    best = [stopping.update(i, v) for i, v in enumerate([1.0, 3.0, 3.0, 2.9, 4.0], start=1)]
    assert best == [True, True, False, False, True]
    stopping = EarlyStopping(2)
    done = []
    for i, value in enumerate([1.0, 3.0, 3.0, 2.9], start=1):
        stopping.update(i, value)
        done.append(stopping.done)
    assert done == [False, False, False, True]
    assert (stopping.best, stopping.best_epoch) == (3.0, 2)


def test_epochs_of_the_warm_up_are_not_counted():
    stopping = EarlyStopping(1, first_epoch=3)
    assert not stopping.update(1, 100.0)
    assert not stopping.update(2, 99.0)
    assert not stopping.done
    assert stopping.update(3, 1.0)
    assert not stopping.done
    assert not stopping.update(4, 0.5)
    assert stopping.done
    assert stopping.best_epoch == 3


def test_a_value_that_is_nan_is_never_the_best():
    stopping = EarlyStopping(1)
    assert not stopping.update(1, float("nan"))
    assert stopping.done


def test_the_state_round_trips():
    stopping = EarlyStopping(3)
    stopping.update(1, 2.0)
    stopping.update(2, 1.0)
    again = EarlyStopping(3)
    again.load_state_dict(stopping.state_dict())
    assert again.state_dict() == stopping.state_dict()
    for epoch in (3, 4):
        again.update(epoch, 0.0)
    assert again.done


def opposed():
    """Training data of ones, validation data of zeros: with each epoch validation gets worse."""
    return Data(torch.ones(8, 4), validation=torch.zeros(8, 4))


@pytest.mark.parametrize(("warmup", "best"), [(None, 1), (3, 3)])
def test_fit_stops_goes_back_to_the_best_weights_and_says_so(warmup, best):
    states = {}
    vae = tiny_vae()
    data = opposed()
    history = quiet(
        vae,
        data,
        epochs=20,
        patience=2,
        beta=1.0 if warmup is None else LinearWarmup(warmup),
        optimizer=partial(SGD, lr=0.1),
        on_epoch=lambda row: states.update({row["epoch"]: state(vae)}),
    )
    assert len(history) == best + 2
    assert history.best_epoch == best
    assert "2 epochs" in history.stopped
    assert f"epoch {best}" in history.stopped
    assert same(state(vae), states[best])
    assert not same(state(vae), states[best + 2])
    assert elbo(vae, data.validation).elbo == history[best - 1]["validation_elbo"]


def test_the_best_weights_are_kept_where_training_ends_by_itself():
    states = {}
    vae = tiny_vae()
    history = quiet(
        vae,
        opposed(),
        epochs=3,
        patience=9,
        optimizer=partial(SGD, lr=0.1),
        on_epoch=lambda row: states.update({row["epoch"]: state(vae)}),
    )
    assert len(history) == 3
    assert history.stopped is None
    assert history.best_epoch == 1
    assert same(state(vae), states[1])


def test_without_patience_the_last_weights_stay():
    states = {}
    vae = tiny_vae()
    history = quiet(
        vae,
        opposed(),
        epochs=3,
        on_epoch=lambda row: states.update({row["epoch"]: state(vae)}),
    )
    assert history.best_epoch is None
    assert same(state(vae), states[3])


def test_training_that_ends_within_the_warm_up_keeps_its_last_weights():
    states = {}
    vae = tiny_vae()
    data = Data(binary_data(), validation=binary_data(4, seed=1))
    history = quiet(
        vae,
        data,
        epochs=2,
        patience=1,
        beta=LinearWarmup(5),
        on_epoch=lambda row: states.update({row["epoch"]: state(vae)}),
    )
    assert history.best_epoch is None
    assert history.stopped is None
    assert same(state(vae), states[2])
