"""Saving and loading: what comes back, what is refused, and that no file can run code."""

import os
import zipfile

import numpy as np
import pyro
import pytest
import torch
from tiny import grey_data, same, state, tiny_vae

from pyrovae import VAE, checkpoint, load, save
from pyrovae.likelihoods import (
    BernoulliLikelihood,
    ContinuousBernoulliLikelihood,
    NormalLikelihood,
)
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder
from pyrovae.posteriors import LowRankNormalPosterior, NormalPosterior
from pyrovae.priors import MixturePrior, NormalPrior, VampPrior

IMAGE = (1, 4, 4)


def images(n=5):
    return torch.rand(n, *IMAGE, generator=torch.Generator().manual_seed(0))


def mlp_vae(prior, likelihood=BernoulliLikelihood, out=IMAGE, **options):
    posterior = NormalPosterior(MLP(IMAGE, (5, 4), 4, activation="tanh"))
    return VAE(prior(posterior), posterior, likelihood(MLP(2, [], out), **options))


MODELS = {
    "normal": lambda: mlp_vae(lambda q: NormalPrior(2)),
    "learned normal": lambda: mlp_vae(lambda q: NormalPrior(2, learned=True)),
    "mixture": lambda: mlp_vae(lambda q: MixturePrior(2, components=3)),
    "vamp": lambda: mlp_vae(lambda q: VampPrior(q, pseudo_inputs=images(), components=3)),
    "vamp of all": lambda: mlp_vae(lambda q: VampPrior(q, pseudo_inputs=images())),
    "vamp of another posterior": lambda: mlp_vae(
        lambda q: VampPrior(NormalPosterior(MLP(IMAGE, [], 4)), pseudo_inputs=images())
    ),
    "fixed scale": lambda: mlp_vae(lambda q: NormalPrior(2), NormalLikelihood, scale=0.25),
    "numpy's scale": lambda: mlp_vae(
        lambda q: NormalPrior(2), NormalLikelihood, scale=np.float64(0.25)
    ),
    "predicted scale": lambda: mlp_vae(
        lambda q: NormalPrior(2), NormalLikelihood, (2, 4, 4), scale="predicted"
    ),
    "continuous Bernoulli": lambda: mlp_vae(
        lambda q: NormalPrior(2), ContinuousBernoulliLikelihood
    ),
    "batch normalisation": lambda: tiny_vae(batch_norm=True, dropout=0.25),
    "convolutions": lambda: VAE(
        NormalPrior(2),
        NormalPosterior(ConvEncoder(IMAGE, 4, channels=[2])),
        BernoulliLikelihood(ConvDecoder(2, IMAGE, channels=[2])),
    ),
    "low rank": lambda: VAE(
        NormalPrior(2),
        LowRankNormalPosterior(
            MLP(IMAGE, [3], LowRankNormalPosterior.network_shape(2, rank=1)), rank=1
        ),
        BernoulliLikelihood(MLP(2, [], IMAGE)),
    ),
}


def outputs(model):
    """What model and guide compute, in evaluation mode, for one seed."""
    x = images() if model.posterior.data_shape == IMAGE else grey_data(5)
    model.eval()
    with torch.random.fork_rng(devices=[]), pyro.get_param_store().scope(), torch.no_grad():
        torch.manual_seed(3)
        q, p = pyro.poutine.trace(model.guide).get_trace(x), model.sample(4, draw=True)
        return [q.nodes["z"]["value"], p, model.reconstruct(x), q.log_prob_sum()]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back(name, tmp_path):
    path = tmp_path / "model.pt"
    model = MODELS[name]()
    if name == "batch normalisation":
        model.train()
        model.posterior(grey_data())  # moves the running statistics off their defaults
    save(model, path)
    loaded = load(path)
    assert type(loaded) is type(model)
    assert same(state(loaded), state(model))
    assert [type(m) for m in loaded.modules()] == [type(m) for m in model.modules()]
    assert not any(m.training for m in loaded.modules())
    for mine, theirs in zip(outputs(model), outputs(loaded), strict=True):
        assert mine.equal(theirs)
    # And again: what was loaded can be saved, and says the same.
    assert checkpoint.describe(loaded) == checkpoint.describe(model)


def test_a_shared_part_stays_shared(tmp_path):
    save(MODELS["vamp"](), tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    assert loaded.prior.posterior is loaded.posterior
    assert loaded.prior.init_args["posterior"] is loaded.posterior
    save(MODELS["vamp of another posterior"](), tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    assert loaded.prior.posterior is not loaded.posterior


def test_a_part_alone_is_saved_too(tmp_path):
    network = MLP(3, [2], 1)
    save(network, tmp_path / "network.pt")
    x = torch.ones(2, 3)
    assert load(tmp_path / "network.pt")(x).equal(network(x))


def test_the_description_is_the_command_lines_format():
    entries = checkpoint.describe(tiny_vae(vamp=True))
    assert [entry["class_path"].rpartition(".")[2] for entry in entries] == [
        "MLP",
        "NormalPosterior",
        "VampPrior",
        "MLP",
        "BernoulliLikelihood",
        "VAE",
    ]
    assert entries[2]["init_args"] == {
        "posterior": {"component": 1},
        "pseudo_inputs": {"tensor": [7, 4], "dtype": "float32"},
        "components": 3,
    }
    assert entries[0]["init_args"] == {"in_shape": 4, "hidden": [3], "out_shape": 4}


def test_saving_and_loading_leave_random_state_modes_and_weights(tmp_path):
    path = tmp_path / "model.pt"
    vae = tiny_vae(vamp=True).train()
    vae.likelihood.eval()
    modes = [m.training for m in vae.modules()]
    before, weights = torch.get_rng_state(), state(vae)
    save(vae, path)
    load(path)
    assert torch.get_rng_state().equal(before)
    assert [m.training for m in vae.modules()] == modes
    assert same(state(vae), weights)


def test_the_data_that_pseudo_inputs_were_drawn_from_are_not_stored(tmp_path):
    posterior = NormalPosterior(MLP(1000, [], 4))
    prior = VampPrior(posterior, pseudo_inputs=torch.rand(5000, 1000), components=2)
    save(prior, tmp_path / "prior.pt")
    assert os.path.getsize(tmp_path / "prior.pt") < 100_000
    assert load(tmp_path / "prior.pt").pseudo_inputs.equal(prior.pseudo_inputs)


def test_a_file_says_nothing_of_the_machine_that_wrote_it(tmp_path):
    vae = tiny_vae()
    for name in ("a.pt", "b.pt"):
        save(vae, tmp_path / name)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        assert {part.partition("/")[0] for part in archive.namelist()} == {"archive"}
