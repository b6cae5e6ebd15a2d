"""What is refused before anything changes."""

import math
from functools import partial

import pyro.distributions as dist
import pytest
import torch
from tiny import binary_data, grey_data, same, state, tiny_vae
from torch.utils.data import DataLoader

from pyrovae import VAE, fit
from pyrovae.datasets import Data
from pyrovae.likelihoods.base import Likelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

quiet = partial(fit, progress=False, device="cpu")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (torch.full((5, 4), 3.0), r"'x'.*\[0, 1\].*3 to 3"),
        (torch.cat([torch.zeros(2000, 4), torch.full((1, 4), -1.0)]), r"'x'.*\[0, 1\].*-1"),
        (torch.tensor([[0.0, 1.0, math.nan, 0.0]]), "NaN"),
        (DataLoader(torch.tensor([[0.0, 1.0, math.nan, 0.0]])), "NaN"),
        (torch.zeros(5, 3), "4"),
        (torch.zeros(4), r"\(4,\)"),
        (torch.zeros(5, 2, 2), r"2, 2"),
        ("mnist", "str"),
    ],
)
def test_data_that_do_not_fit_are_refused(source, message):
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(ValueError, match=message):
        quiet(vae, source, epochs=1)
    assert same(state(vae), before)


def test_validation_data_that_do_not_fit_are_refused_before_training():
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(ValueError, match=r"'x'.*\[0, 1\].*3 to 3"):
        quiet(vae, Data(binary_data(), validation=torch.full((5, 4), 3.0)))
    assert same(state(vae), before)


class BinomialLikelihood(Likelihood):
    """A likelihood whose support is a tensor with one bound for each datum."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, z):
        return dist.Binomial(total_count=5, logits=self.network(z)).to_event(1)

    @classmethod
    def network_shape(cls, data_shape, **options):
        return data_shape


def test_a_support_that_is_a_tensor_is_checked_for_each_datum():
    def vae():
        return VAE(
            NormalPrior(2), NormalPosterior(MLP(4, [], 4)), BinomialLikelihood(MLP(2, [], 4))
        )

    x = torch.arange(12.0).view(3, 4) % 6
    quiet(vae(), x, epochs=1)
    x[2, 1] = 6.0
    with pytest.raises(ValueError, match="Binomial.*0 to 6"):
        quiet(vae(), x, epochs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"clip_norm": 0.0}, "clip_norm"),
        ({"clip_norm": math.nan}, "clip_norm"),
        ({"skip_norm": 0.0}, "skip_norm: expected a positive number"),
        ({"skip_norm": math.nan}, "skip_norm"),
        ({"beta": -1.0}, "beta"),
        ({"beta": math.nan}, "beta"),
        ({"patience": 1}, "validation"),
        ({"resume": True}, "checkpoint"),
        ({"device": "abacus"}, "abacus"),
        ({"device": "cuda:99"}, "cuda:99"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, message):
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(ValueError, match=message) as caught:
        fit(vae, binary_data(), **{"device": "cpu", "progress": False} | arguments)
    assert "\n" not in str(caught.value)
    assert same(state(vae), before)


def test_a_patience_below_one_is_refused():
    data = Data(binary_data(), validation=binary_data(4))
    with pytest.raises(ValueError, match="patience"):
        quiet(tiny_vae(), data, patience=0)


def test_grey_levels_are_accepted_under_a_bernoulli():
    history = quiet(tiny_vae(), grey_data(), epochs=1)
    assert math.isfinite(history[0]["loss"])
