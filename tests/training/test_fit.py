"""What a run tells: rows, validation columns, progress."""

from functools import partial

import pytest
import torch
from exact import PointModel
from tiny import binary_data, same, state, tiny_vae
from torch.optim import SGD

from pyrovae import fit
from pyrovae.datasets import Data
from pyrovae.evaluation import elbo

quiet = partial(fit, progress=False, device="cpu")


def test_the_optimizer_and_its_learning_rate_are_the_users():
    for optimizer in (SGD, torch.optim.Adam):
        history = quiet(tiny_vae(), binary_data(), epochs=1, optimizer=partial(optimizer, lr=0.02))
        assert history[0]["learning_rate"] == 0.02
    # The first step of Adam is lr * sign(gradient), whatever the gradient's size.
    model = PointModel(0.0)
    quiet(model, torch.full((3, 1), 10.0), optimizer=partial(torch.optim.Adam, lr=0.02), epochs=1)
    assert model.m.item() == pytest.approx(0.02, rel=1e-5)


def test_validation_columns_are_the_bound_of_the_weights_after_the_epoch():
    data = Data(binary_data(), validation=binary_data(7, seed=1))
    vae = tiny_vae(dropout=0.3, batch_norm=True)
    history = quiet(vae, data, epochs=2, beta=0.3)
    expected = elbo(vae, data.validation)
    assert history[-1]["validation_elbo"] == expected.elbo
    assert history[-1]["validation_reconstruction"] == expected.reconstruction
    assert history[-1]["validation_kl"] == expected.kl
    assert history[0]["validation_elbo"] != expected.elbo


def test_validation_does_not_change_training():
    x = binary_data()
    results = []
    for data in (Data(x), Data(x, validation=binary_data(5, seed=1))):
        vae = tiny_vae(dropout=0.3, batch_norm=True)
        quiet(vae, data, epochs=3, batch_size=5)
        results.append(state(vae))
    assert same(*results)


def test_on_epoch_gets_each_row():
    rows = []
    history = quiet(tiny_vae(), binary_data(), epochs=3, on_epoch=rows.append)
    assert rows == list(history)
    assert history.column("epoch") == [1, 2, 3]
    assert all(row["seconds"] > 0 for row in rows)


def test_what_on_epoch_draws_does_not_change_training():
    results = []
    for looks in (0, 3):
        vae = tiny_vae()
        quiet(
            vae,
            binary_data(),
            epochs=3,
            on_epoch=lambda row, n=looks, vae=vae: [vae.sample(2, draw=True) for _ in range(n)],
        )
        results.append(state(vae))
    assert same(*results)


@pytest.mark.parametrize("progress", [True, False])
def test_progress_goes_to_standard_error_or_nowhere(progress, capfd):
    fit(tiny_vae(), binary_data(), epochs=2, batch_size=5, device="cpu", progress=progress)
    out, err = capfd.readouterr()
    assert out == ""
    assert ("epoch 2/2" in err) is progress
    assert bool(err) is progress
