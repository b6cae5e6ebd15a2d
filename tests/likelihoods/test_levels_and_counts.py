"""The likelihoods of grey levels, proportions and counts, and those with heavy tails."""

import math

import numpy as np
import pytest
import torch
from tiny import binary_data, grey_data, tiny_vae
from torch import distributions as torchs
from torch.nn.functional import softplus

from pyrovae import VAE, evaluate, fit
from pyrovae.datasets import load_data
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
    StudentTLikelihood,
)
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

DATA = torch.Size([2, 3, 2])


def decoder(cls, shape=DATA, **options):
    return MLP(2, [4], cls.network_shape(shape, **options))


def made(cls, shape=DATA, **options):
    return cls(decoder(cls, shape, **options), **options)


def positive(raw):
    return softplus(raw) + 1e-6


def summed(each):
    return each.flatten(1).sum(1)


def vae_of(cls, features=4, **options):
    posterior = NormalPosterior(MLP(features, [3], 4))
    return VAE(NormalPrior(2), posterior, made(cls, torch.Size([features]), **options))


@pytest.mark.parametrize("scale", [0.5, "learned", "predicted"])
@pytest.mark.parametrize(
    ("cls", "family", "options"),
    [
        (NormalLikelihood, torchs.Normal, {}),
        (LaplaceLikelihood, torchs.Laplace, {}),
        (StudentTLikelihood, lambda loc, s: torchs.StudentT(3.0, loc, s), {"df": 3.0}),
    ],
)
def test_location_and_scale_are_pytorchs(cls, family, options, scale):
    likelihood = made(cls, scale=scale, min_scale=0.1, **options)
    z, x = torch.randn(5, 2), torch.randn(5, *DATA)
    y = likelihood.network(z)
    if scale == "predicted":
        loc, expected = y[:, :2], positive(y[:, 2:]) + 0.1
    elif scale == "learned":
        with torch.no_grad():
            likelihood.raw_scale.fill_(0.7)
        loc, expected = y, positive(torch.tensor(0.7)) + 0.1
    else:
        loc, expected = y, torch.tensor(0.5)
    p = likelihood(z)
    torch.testing.assert_close(p.log_prob(x), summed(family(loc, expected).log_prob(x)))
    torch.testing.assert_close(p.mean, loc)


@pytest.mark.parametrize("cls", [NormalLikelihood, LaplaceLikelihood, StudentTLikelihood])
def test_densities_on_the_line_integrate_to_one_and_draws_match(cls):
    p = made(cls, torch.Size([1]), scale="predicted").double()(torch.randn(1, 2).double())
    # The midpoint rule in t, x = tan t, which reaches into the tails.
    n = 100_000
    t = (torch.arange(n).double() + 0.5) / n * math.pi - math.pi / 2
    x, weights = t.tan(), math.pi / n / t.cos() ** 2
    mass = p.log_prob(x.unsqueeze(1)).exp() * weights
    # The Laplace density has a corner, which costs the square of the step.
    assert mass.sum().item() == pytest.approx(1.0, abs=1e-6)
    assert (mass * x).sum().item() == pytest.approx(p.mean.item(), abs=1e-4)
    draws = p.sample((20_000,)).flatten().sort().values
    empirical = torch.searchsorted(draws, x) / len(draws)
    # Kolmogorov and Smirnov: 2.23 / sqrt(n) = 0.0158 is exceeded once in 10,000 times.
    assert (mass.cumsum(0) - empirical).abs().max().item() < 0.0158


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


def test_poisson_is_pytorchs():
    likelihood = made(PoissonLikelihood)
    z, x = torch.randn(5, 2), torch.randint(20, (5, *DATA)).float()
    rate = positive(likelihood.network(z))
    torch.testing.assert_close(likelihood(z).log_prob(x), summed(torchs.Poisson(rate).log_prob(x)))
    torch.testing.assert_close(likelihood(z).mean, rate)


@pytest.mark.parametrize("dispersion", [0.5, "learned", "predicted"])
def test_negative_binomial_by_mean_and_dispersion(dispersion):
    likelihood = made(NegativeBinomialLikelihood, dispersion=dispersion).double()
    z, x = torch.randn(5, 2).double(), torch.randint(20, (5, *DATA)).double()
    y = likelihood.network(z)
    alpha = {0.5: 0.5, "learned": math.log(2) + 1e-6 + 1e-3}.get(dispersion)
    if alpha is None:
        y, raw = y[:, :2], y[:, 2:]
        alpha = positive(raw) + 1e-3
    mean, r = positive(y), torch.as_tensor(1 / alpha, dtype=torch.float64)
    each = (
        torch.lgamma(x + r)
        - torch.lgamma(x + 1)
        - torch.lgamma(r)
        + r * (r / (r + mean)).log()
        + x * (mean / (r + mean)).log()
    )
    p = likelihood(z)
    torch.testing.assert_close(p.log_prob(x), summed(each))
    torch.testing.assert_close(p.mean, mean)
    torch.testing.assert_close(p.variance, mean + alpha * mean**2)


@pytest.mark.parametrize("cls", [PoissonLikelihood, NegativeBinomialLikelihood])
@pytest.mark.parametrize("raw", [-100.0, 0.5, 30.0])
def test_counts_sum_to_one_and_draws_match(cls, raw):
    likelihood = made(cls, torch.Size([1])).double()
    with torch.no_grad():
        likelihood.network.layers[-1].weight.zero_()
        likelihood.network.layers[-1].bias.fill_(raw)
    p = likelihood(torch.zeros(1, 2).double())
    x = torch.arange(3000).double().unsqueeze(1)
    probs = p.log_prob(x).exp()
    assert probs.sum().item() == pytest.approx(1.0, abs=1e-9)
    assert (probs @ x).item() == pytest.approx(p.mean.item(), rel=1e-6)
    draws = p.sample((20_000,))
    # Five standard errors of the mean.
    error = (p.variance.item() / 20_000) ** 0.5
    assert draws.mean().item() == pytest.approx(p.mean.item(), abs=5 * error)


@pytest.mark.parametrize("cls", [PoissonLikelihood, NegativeBinomialLikelihood])
@pytest.mark.parametrize("raw", [-1e4, 1e6])
def test_counts_are_finite_with_gradients_at_extremes(cls, raw):
    likelihood = made(cls)
    with torch.no_grad():
        likelihood.network.layers[-1].bias.fill_(raw)
    x = torch.cat([torch.zeros(1, *DATA), torch.full((1, *DATA), 1e6)])
    log_prob = likelihood(torch.randn(2, 2)).log_prob(x)
    log_prob.sum().backward()
    assert log_prob.isfinite().all()
    assert all(p.grad.isfinite().all() for p in likelihood.parameters())


def test_multinomial_takes_each_total_from_the_data():
    likelihood = made(MultinomialLikelihood, total_count=5)
    z, x = torch.randn(3, 2), torch.randint(9, (3, *DATA)).float()
    logits = likelihood.network(z).flatten(1)
    p = likelihood(z)
    for i in range(3):
        expected = torchs.Multinomial(int(x[i].sum()), logits=logits[i]).log_prob(x[i].flatten())
        torch.testing.assert_close(p.log_prob(x)[i], expected)
    torch.testing.assert_close(p.mean.sum((1, 2, 3)), torch.full((3,), 5.0))
    assert p.sample().sum((1, 2, 3)).tolist() == [5.0] * 3


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (LaplaceLikelihood, {"scale": -1.0}, "scale: expected a positive number, got -1.0"),
        (LaplaceLikelihood, {"min_scale": -1.0}, "min_scale: expected .* at least 0, got -1.0"),
        (StudentTLikelihood, {"df": 1.0}, "df: expected a number above 1, .* got 1.0"),
        (BetaLikelihood, {"dispersion": 0.0}, "^dispersion: expected a positive number, got 0.0"),
        (BetaLikelihood, {"min_dispersion": -1.0}, "^min_dispersion: .* at least 0, got -1.0"),
        (BetaLikelihood, {"margin": -0.1}, "margin: .* at least 0, got -0.1"),
        (CategoricalLikelihood, {"categories": 1}, "categories: .* at least 2, got 1"),
        (DiscretizedLogisticLikelihood, {"levels": 1}, "levels: .* at least 2, got 1"),
        (DiscretizedLogisticMixtureLikelihood, {"levels": 1}, "levels: .* at least 2, got 1"),
        (DiscretizedLogisticMixtureLikelihood, {"components": 0}, "components: .* got 0"),
        (DiscretizedLogisticMixtureLikelihood, {"min_scale": -1.0}, "min_scale: .* got -1.0"),
        (NegativeBinomialLikelihood, {"dispersion": "odd"}, "^dispersion: .* got 'odd'"),
        (MultinomialLikelihood, {"total_count": -1}, "total_count: .* at least 0, got -1"),
    ],
)
def test_wrong_arguments_are_named(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls(MLP(2, [4], DATA), **options)


@pytest.mark.parametrize(
    ("cls", "parameters", "options"),
    [
        (BetaLikelihood, 2, {"dispersion": "predicted"}),
        (CategoricalLikelihood, 4, {"categories": 4}),
        (DiscretizedLogisticMixtureLikelihood, 9, {"components": 3}),
    ],
)
def test_a_network_whose_output_does_not_divide_is_refused(cls, parameters, options):
    with pytest.raises(ValueError, match=rf"network: .* divides by {parameters} \(.*got \(19, 3"):
        cls(MLP(2, [4], (19, 3, 2)), **options)


# Data


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


COUNT_LIKELIHOODS = [PoissonLikelihood, NegativeBinomialLikelihood, MultinomialLikelihood]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint16"])
@pytest.mark.parametrize("cls", COUNT_LIKELIHOODS)
def test_counts_in_a_file_reach_the_likelihood_as_they_are(cls, dtype, tmp_path):
    array = np.random.default_rng(0).poisson(100.0, (20, 4)).astype(dtype)
    np.save(tmp_path / "counts.npy", array)
    data = load_data(str(tmp_path / "counts.npy"))
    assert (data.train.take(1)[0] > 1).all()
    history = fit(vae_of(cls), data.train, epochs=1)
    assert math.isfinite(history[-1]["loss"])


@pytest.mark.parametrize("cls", COUNT_LIKELIHOODS)
def test_counts_that_were_taken_for_pixels_are_refused(cls, tmp_path):
    np.save(tmp_path / "counts.npy", np.arange(80, dtype=np.uint8).reshape(20, 4))
    data = load_data(str(tmp_path / "counts.npy"))
    with pytest.raises(ValueError, match="whole numbers of at least 0, .* among them"):
        fit(vae_of(cls), data.train, epochs=1)


# Bits per dimension


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
