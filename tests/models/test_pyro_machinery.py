"""Pyro's own tools on a model under every prior: nothing of the library has to know of them."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from likelihood_registry import likelihood
from pyro import poutine
from pyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from pyro.infer.reparam import ProjectedNormalReparam
from registry import DATA, KINDS, LATENT, PRIORS, latent_for, posterior

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.posteriors import (
    CategoricalPosterior,
    GammaPosterior,
    NormalPosterior,
    PowerSphericalPosterior,
    RelaxedCategoricalPosterior,
    VonMisesPosterior,
    WrappedNormalPosterior,
)

POSTERIOR = {
    "real": NormalPosterior,
    "sphere": PowerSphericalPosterior,
    "discrete": CategoricalPosterior,
    "simplex": RelaxedCategoricalPosterior,
    "circle": VonMisesPosterior,
    "bounded": GammaPosterior,
    "ball": WrappedNormalPosterior,
}
# Codes come with a posterior that holds their codebook.
every_prior = pytest.mark.parametrize("name", [n for n in PRIORS if KINDS.get(n) != "code"])
# What moves along gradients needs a density over a space that unfolds into a real one.
SMOOTH = [name for name in PRIORS if KINDS.get(name, "real") in ("real", "simplex")]
every_smooth_prior = pytest.mark.parametrize("name", SMOOTH)


def model(name):
    """A model under the prior of that name, and three data."""
    q = posterior(POSTERIOR[KINDS.get(name, "real")])
    vae = VAE(PRIORS[name](q), q, likelihood(BernoulliLikelihood))
    return vae.eval().requires_grad_(False), torch.rand(3, *DATA)


def log_joint(vae, z, x):
    return vae.prior().log_prob(z) + vae.likelihood(z).log_prob(x)


def nuts(program, x, **options):
    kernel = NUTS(program, max_tree_depth=3, **options)
    mcmc = MCMC(kernel, num_samples=4, warmup_steps=4, disable_progbar=True)
    mcmc.run(x)
    return mcmc.get_samples()


@every_prior
def test_conditioning_gives_the_density_of_given_latents(name):
    vae, x = model(name)
    z = latent_for(name, (3,))
    torch.manual_seed(0)  # the density of two stages is an estimate
    trace = poutine.trace(poutine.condition(vae.model, {"z": z})).get_trace(x)
    log_prob = trace.log_prob_sum()
    torch.manual_seed(0)
    expected = log_joint(vae, z, x).sum()
    torch.testing.assert_close(log_prob, expected)


@every_prior
@pytest.mark.parametrize("parallel", [False, True])
def test_predictive_gives_data_of_the_prior_and_of_the_posterior(name, parallel):
    vae, x = model(name)
    forward = poutine.uncondition(vae.model)
    for guide in (None, vae.guide):
        draws = Predictive(forward, guide=guide, num_samples=5, parallel=parallel)(x)
        assert draws["x"].shape == (5, 3, *DATA)
        assert set(draws["x"].unique().tolist()) == {0.0, 1.0}


@every_smooth_prior
def test_nuts_moves_within_the_support(name):
    vae, x = model(name)
    z = nuts(vae.model, x)["z"]
    assert z.shape == (4, 3, LATENT)
    assert z.std(0).min() > 0
    assert vae.prior().support.check(z).all()


@every_smooth_prior
def test_autoguide_for_a_fixed_batch(name):
    vae, x = model(name)
    guide = AutoNormal(vae.model)
    svi = SVI(vae.model, guide, pyro.optim.Adam({"lr": 0.1}), Trace_ELBO(num_particles=2))
    losses = [svi.step(x) for _ in range(20)]
    assert vae.prior().support.check(guide.median()["z"]).all()
    assert sum(losses[-5:]) < sum(losses[:5])


@pytest.mark.parametrize("name", [n for n in PRIORS if KINDS.get(n) == "sphere"])
def test_nuts_on_the_sphere_through_pyros_own_reparameterisation(name):
    """A sphere does not unfold: a direction is sampled as that of a normal vector."""

    class Direction(ProjectedNormalReparam):
        def apply(self, msg):
            uniform = dist.ProjectedNormal(torch.zeros(3, LATENT))  # around no direction
            return super().apply({**msg, "fn": uniform})

    vae, x = model(name)
    samples = nuts(poutine.reparam(vae.model, {"z": Direction()}), x)
    z = torch.nn.functional.normalize(samples["z_normal"], dim=-1)
    assert z.shape == (4, 3, LATENT)
    assert z.std(0).min() > 0
