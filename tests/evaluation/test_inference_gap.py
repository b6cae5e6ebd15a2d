"""Approximation and amortisation gap: on a linear-Gaussian model both are known exactly."""

import math
from functools import cache

import pyro
import pyro.distributions as dist
import pytest
import torch
from linear_gaussian import LinearPosterior, data
from linear_gaussian import poor_vae as poor_model
from tiny import FEATURES, binary_data, same, state, tiny_vae
from torch import nn
from torch.distributions import MultivariateNormal, kl_divergence

from pyrovae import VAE
from pyrovae.evaluation import gaps as gaps_module
from pyrovae.evaluation import inference_gap, refined_posterior
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import FullNormalPosterior
from pyrovae.priors import NormalPrior

X = data(20)


def poor_vae():
    """A poor guide, and an exact posterior whose two variables are correlated, by -0.47.

    With more, weights under the best diagonal normal would have no variance.
    """
    vae = poor_model()
    vae.likelihood.weight.data = torch.tensor([[1.0, 0.6], [0.2, 1.0], [0.7, 0.1], [0.3, 0.4]])
    return vae.double()


def exact(vae):
    """The exact posterior, and the best diagonal normal: its precisions are the diagonal's.

    KL(N(m, D) || N(m, S)) is least where 1/D_ii = (S^-1)_ii, and is then half the sum of their
    logarithms less the logarithm of the determinant of S^-1.
    """
    posterior = vae.likelihood.exact_posterior(X)
    precisions = posterior.precision_matrix.diagonal(dim1=-2, dim2=-1)
    gap = 0.5 * (precisions.log().sum(-1) - posterior.precision_matrix.logdet())
    return posterior, dist.Normal(posterior.loc, precisions.rsqrt()).to_event(1), gap


@cache
def found():
    return inference_gap(poor_vae(), X, samples=4000)


def test_the_refined_posterior_is_the_best_diagonal_normal():
    vae = poor_vae()
    with torch.no_grad():
        _, best, _ = exact(vae)
    refined = refined_posterior(vae, X)
    assert refined.batch_shape == (20,)
    assert not refined.mean.requires_grad
    # The noise that is left of ten draws a step is some 0.03 of a scale (measured).
    off = (refined.mean - best.mean) / best.stddev
    assert off.abs().max() < 0.1
    assert (refined.stddev / best.stddev).log().abs().max() < 0.05
    begun = (vae.posterior(X).mean - best.mean) / best.stddev
    assert begun.abs().max() > 1


@torch.no_grad()
def test_both_gaps_are_those_of_the_closed_form():
    vae = poor_vae()
    posterior, _, approximation = exact(vae)
    q = vae.posterior(X)
    total = kl_divergence(MultivariateNormal(q.mean, torch.diag_embed(q.variance)), posterior)
    evidence = vae.likelihood.log_evidence(X)
    gap = found()
    # Five standard errors, and what the optimum is missed by.
    for mean, value in (
        (gap.elbo, evidence - total),
        (gap.refined_elbo, evidence - approximation),
        (gap.log_likelihood, evidence),
        (gap.amortisation, total - approximation),
        (gap.approximation, approximation.expand(20)),
        (gap.total, total),
    ):
        assert mean.value == pytest.approx(value.mean().item(), abs=5 * mean.mc_se + 0.002)
        # The data's spread, and what the draws add to it.
        expected = math.hypot(value.std().item() / math.sqrt(20), mean.mc_se)
        assert mean.data_se == pytest.approx(expected, rel=0.1, abs=0.01)
    assert approximation.max() > 0.1  # there is something to find
    assert gap.data == 20


def test_the_parts_add_up():
    gap = found()
    assert gap.amortisation.value == pytest.approx(gap.refined_elbo.value - gap.elbo.value)
    whole = gap.log_likelihood.value - gap.elbo.value
    assert gap.total.value == pytest.approx(whole)
    assert gap.amortisation.value + gap.approximation.value == pytest.approx(whole)


def test_errors_from_the_draws_are_those_of_repetitions(monkeypatch):
    """Over seeds each estimate scatters by its mc_se."""
    vae = poor_vae()
    with torch.no_grad():
        _, best, _ = exact(vae)
    # The optimum itself: where refining ends is another source of scatter.
    monkeypatch.setattr(gaps_module, "refined_posterior", lambda *args, **options: best)
    gaps = [inference_gap(vae, X, samples=500, seed=seed) for seed in range(40)]
    for name in ("elbo", "refined_elbo", "amortisation", "approximation", "total"):
        means = [getattr(gap, name) for gap in gaps]
        scatter = torch.tensor([mean.value for mean in means]).std().item()
        mc_se = sum(mean.mc_se for mean in means) / len(means)
        # Of 40 numbers a standard deviation is known to 1 / sqrt(78) = 11 %: four times that.
        assert scatter == pytest.approx(mc_se, rel=0.45)


def test_the_best_posterior_has_nothing_to_lose_to_amortisation():
    class Best(LinearPosterior):
        def __init__(self, likelihood):
            super().__init__()
            self.likelihood = likelihood

        def forward(self, x):
            posterior = self.likelihood.exact_posterior(x)
            precisions = posterior.precision_matrix.diagonal(dim1=-2, dim2=-1)
            return dist.Normal(posterior.loc, precisions.rsqrt()).to_event(1)

    vae = poor_vae()
    vae.posterior = Best(vae.likelihood)
    gap = inference_gap(vae, X, samples=100)
    assert abs(gap.amortisation.value) < 0.002 + 5 * gap.amortisation.mc_se
    # The two bounds take the same random numbers: their difference is known better than either.
    assert gap.amortisation.mc_se < 0.1 * gap.elbo.mc_se


@pytest.mark.parametrize("vamp", [False, True])
def test_nothing_is_changed(vamp):
    vae = tiny_vae(batch_norm=True, dropout=0.5, vamp=vamp).train()
    before, random = state(vae), torch.get_rng_state()
    gap = inference_gap(vae, binary_data(), samples=20, steps=5)
    assert gap.refined_elbo.value > gap.elbo.value
    assert same(state(vae), before)
    assert all(p.grad is None for p in vae.parameters())
    assert all(module.training for module in vae.modules())
    assert torch.get_rng_state().equal(random)
    assert not pyro.get_param_store().keys()


def test_batches_and_single_data():
    vae, short = tiny_vae(), {"samples": 400, "steps": 100}
    whole = inference_gap(vae, binary_data(12), batch_size=12, **short)
    parts = inference_gap(vae, binary_data(12), batch_size=5, **short)
    error = math.hypot(whole.total.mc_se, parts.total.mc_se)
    assert parts.total.value == pytest.approx(whole.total.value, abs=5 * error)
    one = inference_gap(vae, binary_data(1), samples=50, steps=5)
    assert (one.data, one.total.data_se) == (1, None)
    assert "amortisation gap" in str(one)


def full_normal():
    posterior = FullNormalPosterior(MLP(FEATURES, [], FullNormalPosterior.network_shape(2)))
    return VAE(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [], FEATURES)))


class TwoLatents(nn.Module):
    def model(self, x):
        with pyro.plate("data", len(x), dim=-1):
            a = pyro.sample("a", dist.Normal(0.0, 1.0))
            b = pyro.sample("b", dist.Normal(a, 1.0))
            pyro.sample("x", dist.Normal(b.unsqueeze(-1), 1.0).to_event(1), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("a", dist.Normal(x.mean(-1), 1.0))
            pyro.sample("b", dist.Normal(x.mean(-1), 1.0))


class GlobalLatent(TwoLatents):
    def guide(self, x):
        pyro.sample("a", dist.Normal(0.0, 1.0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (full_normal, "site 'z': expected a diagonal normal posterior, got MultivariateNormal"),
        (TwoLatents, r"one latent, got the latents \['a', 'b'\]"),
        (GlobalLatent, "site 'a': it is outside the data plate"),
    ],
)
def test_other_guides_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        inference_gap(make(), binary_data(), samples=2)


@pytest.mark.parametrize("name", ["samples", "steps", "num_particles", "batch_size", "rows"])
def test_numbers_have_to_be_positive(name):
    with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
        inference_gap(tiny_vae(), binary_data(), **{name: 0})
