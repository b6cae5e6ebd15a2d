"""Arrays of signals: read as such if asked for, and not as images without a word."""

import numpy as np
import pytest
import torch

from pyrovae import VAE, evaluate, fit
from pyrovae.datasets import load_data
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import ConvDecoder, ConvEncoder
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def saved(folder, shape=(30, 2, 12)):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    np.save(folder / "x.npy", x)
    return str(folder / "x.npy"), torch.from_numpy(x)


def test_signals_stay_as_they_are(tmp_path, monkeypatch):
    path, x = saved(tmp_path)
    data = load_data(path, signals=True, validation=0, test=0)
    assert torch.equal(data.train.take(30)[0], x)
    monkeypatch.setattr("pyrovae.datasets.arrays.MEMORY_LIMIT", 10)
    mapped = load_data(path, signals=True, validation=0, test=0)
    assert torch.equal(mapped.train.take(30)[0], x)


def test_they_are_no_images_without_a_word(tmp_path):
    path, _ = saved(tmp_path)
    with pytest.warns(
        UserWarning, match="images of 2 by 12 pixels; with signals=True .* length 12"
    ):
        data = load_data(path)
    assert data.shape == (1, 2, 12)
    np.save(tmp_path / "x.npy", np.zeros((30, 8, 8), "float32"))
    assert load_data(path).shape == (1, 8, 8)


def test_what_has_no_signals():
    with pytest.raises(ValueError, match="signals are read from a .npy or .npz file"):
        load_data("digits", signals=True)


def test_convolutions_of_one_dimension_learn_them(tmp_path):
    path, x = saved(tmp_path)
    vae = VAE(
        NormalPrior(2),
        NormalPosterior(ConvEncoder((2, 12), 4, channels=(3,))),
        NormalLikelihood(ConvDecoder(2, (2, 12), channels=(3,))),
    )
    fit(vae, load_data(path, signals=True), epochs=1, progress=False)
    assert evaluate(vae, x, samples=2).elbo < 0
    assert vae.sample(3).shape == (3, 2, 12)
