"""Which likelihoods are reported in bits per dimension."""

import math

import pytest
import torch
from small_likelihoods import vae_of
from tiny import binary_data, grey_data, tiny_vae

from pyrovae import evaluate
from pyrovae.likelihoods import (
    BetaLikelihood,
    CategoricalLikelihood,
    DiscretizedLogisticLikelihood,
    DiscretizedLogisticMixtureLikelihood,
    LaplaceLikelihood,
    MultinomialLikelihood,
    NegativeBinomialLikelihood,
    NormalLikelihood,
    PoissonLikelihood,
)


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (CategoricalLikelihood, {"categories": 3}),
        (DiscretizedLogisticLikelihood, {"levels": 3}),
        (DiscretizedLogisticMixtureLikelihood, {"levels": 3}),
        (PoissonLikelihood, {}),
        (NegativeBinomialLikelihood, {}),
        (MultinomialLikelihood, {}),
    ],
)
def test_discrete_likelihoods_are_reported_in_bits_per_dimension(cls, options):
    x = torch.randint(2, (7, 4)).float()
    report = evaluate(vae_of(cls, **options), x, samples=5, batch_size=3)
    bits = -report.log_likelihood.value / (4 * math.log(2))
    assert report.bits_per_dim == pytest.approx(bits)
    assert report.to_dict()["bits_per_dim"] == report.bits_per_dim
    assert f"bits per dim     {report.bits_per_dim:10.3f}" in str(report)


@pytest.mark.parametrize("cls", [NormalLikelihood, LaplaceLikelihood, BetaLikelihood])
def test_continuous_likelihoods_have_no_bits(cls):
    report = evaluate(vae_of(cls), torch.rand(7, 4), samples=5)
    assert report.bits_per_dim is None
    assert "bits" not in str(report)


def test_a_uniform_categorical_costs_the_logarithm_of_its_levels():
    vae = vae_of(CategoricalLikelihood, categories=8)
    with torch.no_grad():
        vae.likelihood.network.layers[-1].weight.zero_()
        vae.likelihood.network.layers[-1].bias.zero_()
        # A posterior that is the prior, so that the bound is the log-likelihood.
        vae.posterior.network.layers[-1].weight.zero_()
        vae.posterior.network.layers[-1].bias.copy_(
            torch.tensor([0.0, 0.0, math.log(math.e - 1), math.log(math.e - 1)])
        )
    report = evaluate(vae, torch.randint(8, (7, 4)) / 7, samples=5)
    assert report.bits_per_dim == pytest.approx(3.0, abs=1e-4)


def test_a_bernoulli_has_bits_where_it_is_a_density():
    report = evaluate(tiny_vae(), binary_data(), samples=5)
    assert report.bits_per_dim == pytest.approx(-report.log_likelihood.value / (4 * math.log(2)))
    assert evaluate(tiny_vae(), grey_data(), samples=5).bits_per_dim is None
