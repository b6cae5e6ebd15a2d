"""Looking at a model changes nothing: weights, modes, random state, stores and flags stay."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from fixed_posterior import Pairs
from pyro import poutine
from tiny import binary_data, grey_data, same, state, tiny_vae
from torch.distributions import Distribution
from torch.utils.data import DataLoader

from pyrovae import evaluate
from pyrovae.datasets import TensorSplit
from pyrovae.evaluation import elbo, encode, log_likelihood, score

LOOKS = {
    "evaluate": lambda vae, x: evaluate(vae, x, train=x, samples=3),
    "elbo": lambda vae, x: elbo(vae, x),
    "log_likelihood": lambda vae, x: log_likelihood(vae, x, samples=3),
    "score": lambda vae, x: plain(score(vae, x, samples=3).columns),
    "encode": lambda vae, x: [code.tolist() for code in encode(vae, x, moments="both")],
}
looks = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)


def plain(columns):
    return {name: column.tolist() for name, column in columns.items()}


@looks
def test_weights_buffers_gradients_and_modes_stay(look):
    vae = tiny_vae(batch_norm=True, dropout=0.5, vamp=True).train()
    vae.likelihood.eval()
    vae.posterior(grey_data(50))  # so that the running statistics differ from the data's
    before, modes = state(vae), [m.training for m in vae.modules()]
    look(vae, binary_data())
    assert same(state(vae), before)
    assert [m.training for m in vae.modules()] == modes
    assert all(p.grad is None for p in vae.parameters())


@looks
def test_the_callers_random_state_stays(look):
    before = torch.get_rng_state()
    look(tiny_vae(), binary_data())
    assert torch.get_rng_state().equal(before)


def test_random_training_data_leave_the_random_state_too():
    x = grey_data()
    before = torch.get_rng_state()
    for train in (
        TensorSplit(x, binarization="dynamic"),
        DataLoader(Pairs(x), batch_size=5, shuffle=True),
    ):
        evaluate(tiny_vae(), x, train=train, samples=3)
        assert torch.get_rng_state().equal(before)


@looks
def test_the_callers_param_store_stays(look):
    store = pyro.get_param_store()
    with store.scope():
        pyro.param("mine", torch.tensor(2.0))
        look(tiny_vae(), binary_data())
        assert set(store.keys()) == {"mine"}


@looks
@pytest.mark.parametrize("pyros", [True, False])
@pytest.mark.parametrize("torchs", [True, False])
def test_the_validation_flags_stay(look, pyros, torchs):
    vae, x = tiny_vae(), binary_data()
    with pyro.validation_enabled(pyros):
        Distribution.set_default_validate_args(torchs)
        look(vae, x)
        assert Distribution._validate_args is torchs
        assert dist.is_validation_enabled() is pyros
        assert pyro.infer.util.is_validation_enabled() is pyros
        assert poutine.util.is_validation_enabled() is pyros


@looks
def test_the_model_is_read_in_evaluation_mode(look):
    vae = tiny_vae(dropout=0.9, batch_norm=True).train()
    there = look(vae, binary_data())
    assert look(vae.eval(), binary_data()) == there


@looks
def test_what_is_no_module_is_looked_at_too(look):
    class Plain:
        def __init__(self):
            self.vae = tiny_vae()
            self.model = self.vae.model
            self.guide = self.vae.guide

        def parameters(self):
            return self.vae.parameters()

    assert look(Plain(), binary_data()) == look(tiny_vae(), binary_data())


@looks
def test_an_error_gives_everything_back(look):
    vae = tiny_vae().train()
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="4"):
        look(vae, torch.zeros(5, 3))
    assert torch.get_rng_state().equal(before)
    assert all(m.training for m in vae.modules())
    assert Distribution._validate_args
