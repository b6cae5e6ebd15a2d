"""Warnings that come when they should, and only then; and numbers that cannot be."""

import json
import math

import pyro
import pyro.distributions as dist
import pytest
import torch
import two_layers
from fixed_posterior import FixedPosterior, fixed_vae
from linear_gaussian import data, exact_vae, poor_vae
from odd_programs import NaNWhereOnes, ShiftedPosterior
from tiny import FEATURES, binary_data, grey_data, tiny_vae
from torch import Size

from pyrovae import VAE, evaluate
from pyrovae.evaluation.distrust import IMPOSSIBLE
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors.base import Posterior
from pyrovae.priors import NormalPrior


class ConstantPosterior(Posterior):
    """q(z|x) = N(loc, scale) for all data alike."""

    def __init__(self, loc, scale):
        super().__init__()
        self.latent_shape = Size([2])
        self.loc, self.scale = loc, scale

    def forward(self, x):
        return dist.Normal(torch.full((len(x), 2), self.loc), self.scale).to_event(1)


def vae_of(posterior, likelihood=None):
    likelihood = likelihood or BernoulliLikelihood(MLP(2, [], FEATURES))
    return VAE(NormalPrior(2), posterior, likelihood)


def collapses(report):
    return [warning for warning in report.warnings if "collapsed" in warning]


# Collapse


def test_a_collapsed_posterior_is_warned_of():
    matrix = torch.zeros(FEATURES, 2)
    report = evaluate(fixed_vae(matrix), binary_data(), samples=50)
    (warning,) = report.warnings
    assert "the posterior of 'z' has collapsed: its KL divergence from the prior is 0.000" in (
        warning.replace("-0.000", "0.000")
    )
    assert warning in str(report)
    matrix[0, 0] = 1.0
    assert evaluate(fixed_vae(matrix), binary_data(), samples=50).warnings == []


def test_means_that_do_not_vary_are_no_collapse_where_the_kl_is_not_near_zero():
    # Narrow posteriors around one mean: 2 (log(1 / 0.05) + (0.05^2 - 1) / 2) = 5.0 nats.
    report = evaluate(vae_of(ConstantPosterior(0.0, 0.05)), binary_data(30), samples=50)
    assert report.active_units == {"z": 0}
    assert report.kl == pytest.approx(2 * (math.log(20) + (0.05**2 - 1) / 2), abs=0.2)
    assert collapses(report) == []


@pytest.mark.parametrize("samples", [1, 50])
def test_one_datum_shows_no_collapse(samples):
    vae = fixed_vae(torch.zeros(FEATURES, 2))
    assert collapses(evaluate(vae, binary_data(1), samples=samples)) == []
    assert len(collapses(evaluate(vae, binary_data(2), samples=samples))) == 1


def test_the_latent_that_has_collapsed_is_named():
    model, x = two_layers.ladder(), two_layers.data(40)
    report = evaluate(model, x, samples=50)
    assert report.warnings == []
    assert sum(report.site_kls.values()) == pytest.approx(report.kl, abs=1e-9)
    for name, kl in report.site_kls.items():
        assert f"{kl:.3f} in {name}" in str(report)

    class OfThePrior(Posterior):
        latent_shape = Size([two_layers.Z2])

        def forward(self, *given):
            zeros = torch.zeros(*given[0].shape[:-1], two_layers.Z2).double()
            return dist.Normal(zeros, 1.0).to_event(1)

    model.posteriors[-1] = OfThePrior()
    (warning,) = collapses(evaluate(model, x, samples=50))
    assert "'z2'" in warning


def test_an_undefined_kl_is_no_collapse():
    class Point(VAE):
        def guide(self, x):
            with self.data_plate(x):
                pyro.sample("z", dist.Delta(torch.zeros(len(x), 2), event_dim=1))

    vae = tiny_vae()
    report = evaluate(Point(vae.prior, vae.posterior, vae.likelihood), binary_data(), samples=2)
    assert report.site_kls == {}
    assert report.warnings == []


def test_a_small_effective_sample_size_is_warned_of():
    # Posteriors a hundredth as wide as the prior and far off: few draws carry all the weight.
    narrow = fixed_vae(5 * torch.eye(FEATURES), scale=0.01)
    torch.nn.init.constant_(narrow.likelihood.network.layers[-1].weight, 500.0)
    report = evaluate(narrow, binary_data(), samples=30)
    assert report.log_likelihood.ess < 10
    (warning,) = report.warnings
    assert "effective sample size" in warning
    assert "30 draws" in warning
    assert warning in str(report)
    # As wide as a posterior that the data say little of.
    wide = fixed_vae(0.1 * torch.eye(FEATURES), scale=0.99)
    assert [w for w in evaluate(wide, binary_data(), samples=100).warnings if "sample" in w] == []


# Bounds that cannot be


@pytest.mark.parametrize("n", [1, 12])
def test_a_negative_kl_is_impossible(n):
    # The KL divergence is at most 1; log q is 1.5 too low for each of two latents.
    report = evaluate(vae_of(ShiftedPosterior(-1.5)), binary_data(n), samples=100)
    assert report.kl < -1.5
    first = str(report).splitlines()[0]
    assert first.startswith("IMPOSSIBLE BOUND: ")
    assert report.warnings[0] == first
    assert "site 'z'" in first
    assert str(report).count(IMPOSSIBLE) == 1
    assert json.loads(json.dumps(report.to_dict()))["warnings"][0] == first


def test_weights_that_no_densities_have_are_impossible_at_a_positive_kl():
    class Heavy(dist.Normal):
        """Scored far too low where it draws one time in a few hundred."""

        def log_prob(self, value):
            odd = (value - self.loc) / self.scale > 2.5
            return super().log_prob(value) + 2.0 - 40.0 * odd

        def expand(self, batch_shape, _instance=None):
            return Heavy(self.loc.expand(batch_shape), self.scale.expand(batch_shape))

    class HeavyPosterior(ShiftedPosterior):
        def forward(self, x):
            return Heavy(x @ self.matrix, torch.ones(())).to_event(1)

    report = evaluate(vae_of(HeavyPosterior(0.0)), binary_data(30), samples=200)
    assert report.kl > 0
    assert report.warnings[0].startswith(IMPOSSIBLE)


class TooLikely(dist.Bernoulli):
    def log_prob(self, value):
        return super().log_prob(value) + 1.0

    def expand(self, batch_shape, _instance=None):
        return TooLikely(logits=self.logits.expand(batch_shape))


class TooLikelyLikelihood(BernoulliLikelihood):
    def forward(self, z):
        return TooLikely(logits=self.network(z)).to_event(1)


def test_data_more_likely_than_certain_are_impossible():
    vae = vae_of(FixedPosterior(torch.eye(FEATURES)[:, :2]), TooLikelyLikelihood(MLP(2, [], 4)))
    report = evaluate(vae, binary_data(), samples=20)
    # Some -0.7 for each variable, and 1 too much.
    assert report.log_likelihood.value > 0
    assert report.warnings[0].startswith(f"{IMPOSSIBLE}: log p(x) of discrete data is ")
    assert str(report).startswith(IMPOSSIBLE)


def test_a_positive_log_density_is_possible():
    vae = vae_of(
        FixedPosterior(torch.zeros(FEATURES, 2)),
        NormalLikelihood(MLP(2, [], FEATURES), scale=0.01),
    )
    torch.nn.init.zeros_(vae.likelihood.network.layers[-1].weight)
    torch.nn.init.zeros_(vae.likelihood.network.layers[-1].bias)
    report = evaluate(vae, torch.zeros(5, FEATURES), samples=20)
    assert report.log_likelihood.value > 0
    assert not any(warning.startswith(IMPOSSIBLE) for warning in report.warnings)


@pytest.mark.parametrize("seeds", [10, pytest.param(40, marks=pytest.mark.proof)])
@pytest.mark.parametrize("samples", [1, 2, 30])
def test_chance_is_not_impossible(samples, seeds):
    for seed in range(seeds):
        for vae, x in ((poor_vae(), data(2)), (exact_vae(), data(2)), (tiny_vae(), grey_data(2))):
            report = evaluate(vae, x, samples=samples, seed=seed)
            assert not any(warning.startswith(IMPOSSIBLE) for warning in report.warnings)


def test_a_posterior_that_is_the_prior_has_a_possible_kl_in_single_precision():
    # Its KL is zero but for the rounding of sums over a thousand latents.
    class Wide(Posterior):
        def forward(self, x):
            return dist.Normal(torch.zeros(len(x), 1000) + 1e-7, 1.0).to_event(1)

    vae = VAE(NormalPrior(1000), Wide(), BernoulliLikelihood(MLP(1000, [], FEATURES)))
    report = evaluate(vae, binary_data(200), samples=200)
    assert not any(warning.startswith(IMPOSSIBLE) for warning in report.warnings)


# What is no number


@pytest.mark.parametrize(("site", "term"), [("x", r"log p\(x\|z\)"), ("z", "log p - log q")])
def test_nan_is_an_error_with_its_site_and_share(site, term):
    x = torch.zeros(8, FEATURES)
    x[5:7, 0] = 1
    with pytest.raises(ValueError, match=f"site '{site}': {term} is NaN for 25 % of the data"):
        evaluate(NaNWhereOnes(site), x, samples=3, batch_size=4)
    good = x[:5]
    assert math.isfinite(evaluate(NaNWhereOnes(site), good, samples=3).elbo)
    with pytest.raises(ValueError, match=f"site '{site}': {term} is NaN for 40 % of the training"):
        evaluate(NaNWhereOnes(site), good, train=x[3:], samples=3)


def test_a_broken_encoder_is_named_by_its_latent():
    vae = tiny_vae()
    vae.posterior.network.layers[-1].weight.data.fill_(math.nan)
    with pytest.raises(ValueError, match="site 'z': .* is NaN for 100 % of the data"):
        evaluate(vae, binary_data(), samples=2)


def test_a_bound_of_minus_infinity_is_warned_of():
    vae = tiny_vae()
    vae.likelihood.forward = lambda z: dist.Poisson(torch.zeros(*z.shape[:-1], 4)).to_event(1)
    x = torch.zeros(4, FEATURES)
    x[0] = 1
    report = evaluate(vae, x, samples=2)
    assert report.elbo == -math.inf
    assert "the bound is minus infinity for 25 % of the data" in "".join(report.warnings)
