"""A second VAE as the prior of a first, on linear normal models whose marginal is known."""

import linear_gaussian
import pytest
import torch
from torch import Size

from pyrovae import VAE, fit
from pyrovae.evaluation import (
    annealed_log_likelihood,
    bidirectional,
    encode,
    evaluate,
    kl_decomposition,
)
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.models import Density
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior, PowerSphericalPosterior
from pyrovae.priors import CategoricalPrior, NormalPrior, TwoStagePrior


def second(**options):
    """Probabilistic PCA as the prior of four latents, with a poor posterior."""
    stage = linear_gaussian.poor_vae()
    stage.likelihood.data_shape = Size([4])
    return TwoStagePrior(stage.prior, stage.posterior, stage.likelihood, **options)


@pytest.mark.parametrize("num_particles", [1, 5])
def test_the_density_is_estimated_without_bias(num_particles):
    prior, z = second(num_particles=num_particles), linear_gaussian.data()
    exact = prior.likelihood.log_evidence(z).detach()
    with torch.no_grad():
        found = prior().log_prob(z.repeat(4000, 1)).view(4000, -1)
    ratio = (found - exact).exp().mean(1)
    # Four standard errors.
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / 4000**0.5
    assert (found.mean(0) < exact).all()


def test_more_draws_give_a_tighter_bound():
    z = linear_gaussian.data().repeat(2000, 1)
    with torch.no_grad():
        one, many = (second(num_particles=k)().log_prob(z) for k in (1, 10))
    error = (one.var() + many.var()).sqrt() / len(z) ** 0.5
    assert many.mean() > one.mean() + 4 * error


def test_draws_are_of_the_marginal():
    prior = second()
    draws = prior().sample((20000,))
    w, s = prior.likelihood.weight.detach(), prior.likelihood.log_scale.detach().exp()
    covariance = w @ w.mT + s**2 * torch.eye(4).double()
    # Each entry of the covariance varies by some sqrt(2) of the two variances' mean; five errors.
    error = 5 * (2 * covariance.diagonal().max() ** 2 / 20000).sqrt()
    assert (draws.T.cov() - covariance).abs().max() < error
    assert (draws.mean(0) - prior.likelihood.bias.detach()).abs().max() < error
    assert prior().expand([3]).sample((2,)).shape == (2, 3, 4)


def test_the_bound_of_density_is_that_of_the_second_model():
    prior, z = second(), linear_gaussian.data()
    stage = VAE(prior.prior, prior.posterior, prior.likelihood)
    density, exact = Density(prior), linear_gaussian.closed_form(stage, z)
    bound = (exact[0] - exact[1]).mean().item()
    found = torch.tensor([-evaluate_loss(density, z) / 6 for _ in range(1000)])
    assert abs(found.mean() - bound) < 4 * found.std() / 1000**0.5


def test_a_report_of_density_is_that_of_the_second_model():
    prior, z = second(), linear_gaussian.data()
    stage = VAE(prior.prior, prior.posterior, prior.likelihood)
    density, whole = (evaluate(model, z, samples=1000) for model in (Density(prior), stage))
    exact = prior.likelihood.log_evidence(z).mean().item()
    for found in (density, whole):
        # The mean of six data with a standard error of mc_se each time; five of them.
        assert abs(found.log_likelihood.value - exact) < 5 * found.log_likelihood.mc_se
    assert density.elbo < exact - 5 * density.log_likelihood.mc_se
    # Draws of its own for each of the samples, which weigh unequally.
    assert density.log_likelihood.ess < 900


def test_what_needs_the_density_itself_refuses_an_estimate():
    prior = TwoStagePrior(
        NormalPrior(2), NormalPosterior(MLP(3, [], 4)), NormalLikelihood(MLP(2, [], 3))
    )
    vae = VAE(prior, NormalPosterior(MLP(5, [], 6)), NormalLikelihood(MLP(3, [], 5)))
    for query in (annealed_log_likelihood, bidirectional, kl_decomposition):
        with pytest.raises(
            ValueError,
            match=r"site 'z': .* needs latents with a known density, but the density of Marginal is only estimated",
        ):
            query(vae, torch.randn(4, 5))


def test_a_second_posterior_that_would_not_be_trained_is_refused():
    posterior = CategoricalPosterior(MLP(3, [], 2))
    prior = TwoStagePrior(CategoricalPrior(2), posterior, NormalLikelihood(MLP(2, [], 3)))
    assert evaluate(Density(prior), torch.randn(4, 3), samples=2).elbo < 0
    with pytest.raises(ValueError, match="expected a second-stage posterior with reparam"):
        prior().log_prob(torch.randn(4, 3))


def evaluate_loss(model, x):
    return ELBO().loss(model.model, model.guide, x)


def test_two_stages_one_after_another():
    torch.manual_seed(0)
    x = torch.randn(60, 5)
    options = {"epochs": 1, "batch_size": 30, "progress": False, "compile": False}
    posterior = NormalPosterior(MLP(5, [], 6))
    likelihood = NormalLikelihood(MLP(3, [], 5))
    first = VAE(NormalPrior(3), posterior, likelihood)
    fit(first, x, **options)
    prior = TwoStagePrior(
        NormalPrior(2), NormalPosterior(MLP(3, [4], 4)), NormalLikelihood(MLP(2, [4], 3))
    )
    before = [p.detach().clone() for p in first.parameters()]
    fit(Density(prior), encode(first, x, moments="draws"), **options)
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), before, strict=True))
    whole = VAE(prior, posterior, likelihood)
    assert whole.sample(4).shape == (4, 5)
    report = evaluate(whole, x, samples=20)
    assert report.elbo < report.log_likelihood.value


def test_parts_that_do_not_fit_are_refused():
    posterior = NormalPosterior(MLP(3, [], 4))
    with pytest.raises(
        ValueError, match="u: expected the same shape .*, got prior .*, posterior .*, likelihood"
    ):
        TwoStagePrior(NormalPrior(3), posterior, NormalLikelihood(MLP(2, [], 3)))
    with pytest.raises(
        ValueError, match="z: expected the same shape .*, got posterior .*, likelihood"
    ):
        TwoStagePrior(NormalPrior(2), posterior, NormalLikelihood(MLP(2, [], 4)))
    sphere = PowerSphericalPosterior(MLP(3, [], 3))
    with pytest.raises(ValueError, match="PowerSphericalPosterior under NormalPrior"):
        TwoStagePrior(NormalPrior(2), sphere, NormalLikelihood(MLP(2, [], 3)))
    binary = TwoStagePrior(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [], 3)))
    with pytest.raises(ValueError, match="likelihood: expected a density of real vectors"):
        binary().log_prob(torch.zeros(4, 3))
    with pytest.raises(ValueError, match="num_particles: expected at least 1, got 0"):
        TwoStagePrior(NormalPrior(2), posterior, NormalLikelihood(MLP(2, [], 3)), num_particles=0)
