"""Densities of different kinds are refused: at construction where declared, else when called."""

from typing import ClassVar

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions import constraints
from pyro.infer import SVI, Trace_ELBO

from pyrovae import VAE
from pyrovae.distributions import Mixture, PowerSpherical, SphereUniform
from pyrovae.latents import latent_kind
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior, PowerSphericalPosterior
from pyrovae.priors import NormalPrior, Prior, UniformSpherePrior

LOC = torch.tensor([1.0, 0.0])


@pytest.mark.parametrize(
    ("p", "kind"),
    [
        (dist.Normal(0.0, 1.0), "real"),
        (dist.Normal(LOC, 1.0).to_event(1), "real"),
        (dist.Normal(LOC, 1.0).expand([3, 2]).to_event(2), "real"),
        (dist.Gamma(1.0, 1.0), "bounded"),
        (dist.LogNormal(0.0, 1.0), "bounded"),
        (dist.Uniform(LOC, 1.5).to_event(1), "bounded"),
        (dist.VonMises(LOC, 1.0).to_event(1), "circle"),
        (dist.MultivariateNormal(LOC, torch.eye(2)), "real"),
        (dist.Normal(LOC, 1.0).to_event(1).mask(torch.tensor(True)), "real"),
        (SphereUniform(LOC), "sphere"),
        (PowerSpherical(LOC, torch.tensor(1.0)), "sphere"),
        (SphereUniform(LOC).expand([3]), "sphere"),
        (
            Mixture(dist.Categorical(torch.ones(3)), SphereUniform(LOC.expand(3, 2))),
            "sphere",
        ),
        (dist.Dirichlet(torch.ones(3)), "simplex"),
        (dist.RelaxedOneHotCategorical(torch.tensor(0.5), torch.ones(3)), "simplex"),
        (dist.OneHotCategorical(torch.ones(3)), "discrete"),
        (dist.Bernoulli(0.5 * torch.ones(3)).to_event(1), "discrete"),
        (dist.Categorical(torch.ones(3)), "discrete"),
        (dist.Poisson(1.0), "discrete"),
    ],
)
def test_kind_of_a_distribution(p, kind):
    assert latent_kind(p) == kind


def test_kind_of_a_distribution_that_does_not_say():
    class Silent(dist.TorchDistribution):
        arg_constraints: ClassVar[dict] = {}

    assert latent_kind(Silent()) is None
    Silent.support = constraints.dependent
    assert latent_kind(Silent()) is None


def vae(prior, posterior):
    return VAE(prior, posterior, BernoulliLikelihood(MLP(3, [], 6)))


def test_refused_at_construction():
    with pytest.raises(
        ValueError,
        match="PowerSphericalPosterior under NormalPrior: the posterior has a density over the "
        "unit sphere and the prior one over volumes in a real space",
    ):
        vae(NormalPrior(3), PowerSphericalPosterior(MLP(6, [], 4)))
    with pytest.raises(ValueError, match="CategoricalPosterior under NormalPrior: .*separate"):
        vae(NormalPrior(3), CategoricalPosterior(MLP(6, [], 3)))
    with pytest.raises(ValueError, match="NormalPosterior under UniformSpherePrior"):
        vae(UniformSpherePrior(3), NormalPosterior(MLP(6, [], 6)))


class Undeclared(Prior):
    """A user's prior that declares nothing."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self):
        return self.p


NORMAL = dist.Normal(torch.zeros(3), 1.0).to_event(1)


@pytest.mark.parametrize(
    "elbo", [ELBO(), ELBO(num_particles=2), Trace_ELBO()], ids=["ELBO", "ELBO-2", "Trace_ELBO"]
)
def test_refused_at_the_first_call(elbo):
    model = vae(Undeclared(NORMAL), PowerSphericalPosterior(MLP(6, [], 4)))
    svi = SVI(model.model, model.guide, pyro.optim.Adam({"lr": 0.01}), loss=elbo)
    with pytest.raises(ValueError, match="site 'z': .*unit sphere.* volumes in a real space"):
        svi.step(torch.rand(4, 6))


def test_what_is_undeclared_and_fits_is_not_refused():
    for p, posterior in [
        (NORMAL, NormalPosterior(MLP(6, [], 6))),
        (SphereUniform(torch.zeros(3)), PowerSphericalPosterior(MLP(6, [], 4))),
        (dist.OneHotCategorical(torch.ones(3)), CategoricalPosterior(MLP(6, [], 3))),
    ]:
        model = vae(Undeclared(p), posterior)
        assert ELBO().differentiable_loss(model.model, model.guide, torch.rand(4, 6)).isfinite()
        assert model.sample(2).shape == (2, 6)
        assert model.reconstruct(torch.rand(4, 6)).shape == (4, 6)


@pytest.mark.parametrize(
    ("family", "parameters", "said"),
    [
        ("Exponential", {"rate": 1.0}, "half-line or an interval"),
        ("HalfNormal", {}, "half-line or an interval"),
        ("Uniform", {"low": 0.0, "high": 1.0}, "half-line or an interval"),
        ("VonMises", {"loc": 0.0, "concentration": 1.0}, "circle"),
    ],
)
def test_a_prior_on_a_part_of_the_line_is_refused_under_a_normal_posterior(
    family, parameters, said
):
    from pyrovae.likelihoods import BernoulliLikelihood
    from pyrovae.nn import MLP
    from pyrovae.posteriors import NormalPosterior
    from pyrovae.priors import DistributionPrior

    prior = DistributionPrior(3, family=family, parameters=parameters)
    posterior = NormalPosterior(MLP(4, [], 6))
    with pytest.raises(ValueError, match=said):
        VAE(prior, posterior, BernoulliLikelihood(MLP(3, [], 4)))
