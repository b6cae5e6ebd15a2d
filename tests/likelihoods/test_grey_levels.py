"""The likelihoods of grey levels and proportions."""

import math

import numpy as np
import pytest
import torch
from small_likelihoods import DATA, made, positive, summed, vae_of
from torch import distributions as torchs

from pyrovae import fit
from pyrovae.likelihoods import (
    BetaLikelihood,
    CategoricalLikelihood,
    DiscretizedLogisticLikelihood,
    DiscretizedLogisticMixtureLikelihood,
)


def test_categorical_reads_the_logits_level_by_level():
    likelihood = made(CategoricalLikelihood, categories=5)
    assert likelihood.data_shape == DATA
    z, index = torch.randn(3, 2), torch.randint(5, (3, *DATA))
    logits = likelihood.network(z).reshape(3, 5, *DATA)
    expected = logits.log_softmax(1).gather(1, index.unsqueeze(1)).squeeze(1)
    torch.testing.assert_close(likelihood(z).log_prob(index / 4), summed(expected))
    levels = torch.arange(5).reshape(5, 1, 1, 1) / 4
    torch.testing.assert_close(likelihood(z).mean, (logits.softmax(1) * levels).sum(1))


def bins(x, loc, scale, levels):
    upper = torch.sigmoid((x + 0.5 / (levels - 1) - loc) / scale)
    lower = torch.sigmoid((x - 0.5 / (levels - 1) - loc) / scale)
    return torch.where(x > 0.999, 1.0, upper) - torch.where(x < 0.001, 0.0, lower)


@pytest.mark.parametrize("scale", [0.2, "learned", "predicted"])
def test_discretized_logistic_by_hand(scale):
    likelihood = made(DiscretizedLogisticLikelihood, levels=9, scale=scale).double()
    z, x = torch.randn(3, 2).double(), torch.randint(9, (3, *DATA)).double() / 8
    y = likelihood.network(z)
    loc, expected = y, torch.tensor(0.2).double()
    if scale == "predicted":
        loc, expected = y[:, :2], positive(y[:, 2:]) + 1e-4
    elif scale == "learned":
        expected = positive(torch.zeros(()).double()) + 1e-4
    by_hand = summed(bins(x, loc, expected, 9).log())
    # The fixed scale is kept in float32.
    torch.testing.assert_close(likelihood(z).log_prob(x), by_hand, rtol=1e-6, atol=1e-6)


def test_discretized_logistic_mixture_by_hand():
    likelihood = made(DiscretizedLogisticMixtureLikelihood, levels=9, components=2).double()
    assert likelihood.data_shape == DATA
    z, x = torch.randn(3, 2).double(), torch.randint(9, (3, *DATA)).double() / 8
    logits, loc, raw = likelihood.network(z).reshape(3, 3, 2, *DATA).unbind(1)
    each = bins(x.unsqueeze(1), loc, positive(raw) + 1e-4, 9)
    by_hand = summed((logits.softmax(1) * each).sum(1).log())
    torch.testing.assert_close(likelihood(z).log_prob(x), by_hand)


def test_the_default_smallest_scale_lets_a_level_have_everything():
    likelihood = made(DiscretizedLogisticLikelihood)
    with torch.no_grad():
        likelihood.raw_scale.fill_(-1e3)
        likelihood.network.layers[-1].weight.zero_()
        likelihood.network.layers[-1].bias.fill_(7 / 255)
    log_prob = likelihood(torch.zeros(1, 2)).log_prob(torch.full((1, *DATA), 7 / 255))
    # Twelve variables, 2 exp(-19.6) each, and the rounding of float32.
    assert -1e-4 < log_prob.item() <= 0


def test_beta_is_pytorchs_by_mean_and_dispersion():
    likelihood = made(BetaLikelihood, dispersion="predicted", margin=0.0)
    z, x = torch.randn(5, 2), torch.rand(5, *DATA) * 0.98 + 0.01
    y = likelihood.network(z)
    mean, dispersion = y[:, :2].sigmoid(), positive(y[:, 2:]) + 1e-3
    expected = torchs.Beta(mean / dispersion, (1 - mean) / dispersion)
    p = likelihood(z)
    torch.testing.assert_close(p.log_prob(x), summed(expected.log_prob(x)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(p.mean, mean, rtol=1e-4, atol=1e-5)
    variance = mean * (1 - mean) * dispersion / (1 + dispersion)
    torch.testing.assert_close(p.variance, variance, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_beta_is_finite_however_sure_the_network(logit):
    likelihood = made(BetaLikelihood)
    with torch.no_grad():
        likelihood.network.layers[-1].weight.zero_()
        likelihood.network.layers[-1].bias.fill_(logit)
    log_prob = likelihood(torch.zeros(3, 2)).log_prob(torch.rand(3, *DATA).round())
    log_prob.sum().backward()
    assert log_prob.isfinite().all()
    assert all(p.grad.isfinite().all() for p in likelihood.parameters())


LEVEL_LIKELIHOODS = [
    CategoricalLikelihood,
    DiscretizedLogisticLikelihood,
    DiscretizedLogisticMixtureLikelihood,
]


@pytest.mark.parametrize("cls", LEVEL_LIKELIHOODS)
def test_eight_bit_images_are_levels(cls):
    x = torch.randint(256, (12, 4), dtype=torch.uint8)
    x[0], x[1] = 0, 255
    history = fit(vae_of(cls), x, epochs=1, batch_size=6)
    assert math.isfinite(history[-1]["loss"])
    # As a user may have divided them.
    for divided in (x.float() * (1 / 255), (x.numpy() / 255).astype(np.float32)):
        fit(vae_of(cls), divided, epochs=1, batch_size=6)


@pytest.mark.parametrize("cls", LEVEL_LIKELIHOODS)
def test_a_value_between_levels_is_refused_and_named(cls):
    x = torch.randint(256, (12, 4)) / 255
    x[7, 2] = 0.5001
    message = r"site 'x': .* allows values in k/255 for k = 0, \.\.\., 255, .*0\.5001 among them"
    with pytest.raises(ValueError, match=message):
        fit(vae_of(cls), x, epochs=1)


def test_beta_takes_zeros_and_ones_only_with_a_margin():
    x = torch.tensor([0.0, 1.0]).repeat(6, 2)
    fit(vae_of(BetaLikelihood), x, epochs=1)
    with pytest.raises(ValueError, match=r"the open interval \(0, 1\), but .* range from 0 to 1"):
        fit(vae_of(BetaLikelihood, margin=0.0), x, epochs=1)
