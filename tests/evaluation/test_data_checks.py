"""Data that the model cannot have produced are refused, wherever they stand."""

import math

import pyro.distributions as dist
import pytest
import torch
from tiny import FEATURES, binary_data, grey_data, tiny_vae

from pyrovae import evaluate
from pyrovae.evaluation import inference_gap
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.full((5, FEATURES), 3.0), r"'x'.*\[0, 1\].*3 to 3"),
        (torch.cat([binary_data(2000), torch.full((1, FEATURES), -1.0)]), r"\[0, 1\].*-1"),
        (torch.full((5, FEATURES), math.nan), "NaN"),
    ],
)
def test_data_outside_the_support_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        evaluate(tiny_vae(), x, samples=2)
    with pytest.raises(ValueError, match=message):
        inference_gap(tiny_vae(), x, samples=2, steps=1)


def test_training_data_outside_the_support_are_refused():
    with pytest.raises(ValueError, match=r"'x'.*\[0, 1\].*3 to 3"):
        evaluate(tiny_vae(), binary_data(), train=torch.full((5, FEATURES), 3.0), samples=2)


class Unsaid(dist.Normal):
    """A normal distribution that does not say its support, as PyTorch allows."""

    @property
    def support(self):
        raise NotImplementedError


def test_a_likelihood_that_does_not_say_its_support_takes_any_data():
    class UnsaidLikelihood(NormalLikelihood):
        def forward(self, z):
            return Unsaid(self.network(z), 1.0).to_event(1)

    vae = tiny_vae()
    vae.likelihood = UnsaidLikelihood(MLP(2, [], FEATURES))
    assert math.isfinite(evaluate(vae, 3 * grey_data(), samples=2).elbo)
    with pytest.raises(ValueError, match="NaN"):
        evaluate(vae, torch.full((5, FEATURES), math.nan), samples=2)
