import pyro
import pyro.distributions as dist
import pytest
import torch
from linear_gaussian import data as linear_data
from linear_gaussian import exact_vae, poor_vae
from tiny import FEATURES, grey_data, tiny_vae

from pyrovae import VAE
from pyrovae.latent_space import (
    aggregated_posterior,
    distance_from_uniform,
    probability_integral,
)
from pyrovae.latent_space.aggregate import prior_distribution_function, prior_draws
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import CategoricalVAE, LatentVariableModel
from pyrovae.nn import MLP
from pyrovae.posteriors import PowerSphericalPosterior
from pyrovae.priors import MixturePrior, Prior, UniformSpherePrior

N = 4000
FINE = 1.95 / N**0.5  # Kolmogorov and Smirnov's distance exceeds it once in a thousand
POINTS = torch.linspace(-2, 2, 9)[:, None].expand(9, 2)


class Hierarchy(LatentVariableModel):
    """z2 ~ N(0, 1), z1 ~ N(z2, 1): z1 alone is N(0, 2)."""

    def model(self, x):
        with self.data_plate(x):
            top = pyro.sample("z2", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            low = pyro.sample("z1", dist.Normal(top, 1.0).to_event(1))
            pyro.sample("x", dist.Normal(low, 1.0).to_event(1), obs=x)

    def guide(self, x):
        with self.data_plate(x):
            pyro.sample("z2", dist.Normal(x, 1.0).to_event(1))
            pyro.sample("z1", dist.Normal(x, 1e-3).to_event(1))


def normal(value):
    return torch.special.ndtr(value)


def test_data_of_the_model_under_its_exact_posterior_are_uniform():
    u = probability_integral(exact_vae(), linear_data(N))
    assert u.shape == (N, 2)
    assert (distance_from_uniform(u) < FINE).all()


def test_a_poor_posterior_is_not_the_prior():
    # It is far from every posterior, and its aggregate far from the prior.
    assert (distance_from_uniform(probability_integral(poor_vae(), linear_data(N))) > FINE).any()


def test_distance_from_uniform_by_hand():
    u = torch.tensor([[0.5, 0.1, 0.0], [0.5, 0.3, 0.0], [0.5, 0.5, 0.0], [0.5, 0.9, 0.0]])
    torch.testing.assert_close(distance_from_uniform(u), torch.tensor([0.5, 0.25, 1.0]))
    even = ((torch.arange(10) + 0.5) / 10)[:, None].double()
    torch.testing.assert_close(distance_from_uniform(even), torch.tensor([0.05]).double())


def test_one_draw_for_each_datum_in_its_order():
    class Sharp(Hierarchy):
        def model(self, x):
            raise AssertionError("only the guide is asked")

    x = torch.arange(2500.0)[:, None]  # more than one batch
    draws = aggregated_posterior(Sharp(), x)
    assert draws.keys() == {"z1", "z2"}
    assert float((draws["z1"] - x).abs().max()) < 0.01


def test_a_normal_prior_is_exact():
    function = prior_distribution_function(tiny_vae(), grey_data())
    torch.testing.assert_close(function(POINTS), normal(POINTS))


@pytest.mark.parametrize("vamp", [False, True], ids=["mixture", "vamp"])
def test_mixtures_are_exact(vamp):
    model = tiny_vae(vamp=True)
    if not vamp:
        model.prior = MixturePrior(2, components=5)
    mixture = model.prior()
    loc = mixture.component_distribution.base_dist.loc
    scale = mixture.component_distribution.base_dist.scale
    weights = mixture.mixture_distribution.probs
    parts = normal((POINTS[:, None] - loc) / scale)
    expected = (weights[:, None] * parts).sum(1)
    function = prior_distribution_function(model, grey_data())
    torch.testing.assert_close(function(POINTS), expected)
    assert not function(POINTS).requires_grad


class OneByOne(Prior):
    """A mixture of its own for each variable."""

    latent_shape = torch.Size([2])
    weights = torch.tensor([[0.2, 0.8], [0.5, 0.5]])
    means = torch.tensor([[-1.0, 1.0], [0.0, 2.0]])

    def forward(self):
        parts = dist.Normal(self.means, 1.0)
        return dist.MixtureSameFamily(dist.Categorical(self.weights), parts).to_event(1)


def test_a_mixture_for_each_variable_is_exact():
    model = tiny_vae()
    model.prior = OneByOne()
    expected = (OneByOne.weights * normal(POINTS[:, :, None] - OneByOne.means)).sum(-1)
    torch.testing.assert_close(prior_distribution_function(model, grey_data())(POINTS), expected)


def test_other_priors_are_drawn_from():
    # On the sphere in three dimensions each coordinate is uniform (Archimedes).
    posterior = PowerSphericalPosterior(MLP(FEATURES, [3], 4))
    likelihood = BernoulliLikelihood(MLP(3, [], FEATURES))
    model = VAE(UniformSpherePrior(3), posterior, likelihood)
    points = torch.linspace(-1, 1, 9)[:, None].expand(9, 3)
    function = prior_distribution_function(model, grey_data())
    # 1.95 / sqrt(10000): see FINE.
    torch.testing.assert_close(function(points), (points + 1) / 2, rtol=0, atol=0.0195)


def test_a_latent_under_another_has_its_own_marginal():
    x = torch.zeros(3, 1)
    points = torch.linspace(-2, 2, 9)[:, None]
    function = prior_distribution_function(Hierarchy(), x, site="z1")
    torch.testing.assert_close(function(points), normal(points / 2**0.5), rtol=0, atol=0.0195)
    function = prior_distribution_function(Hierarchy(), x, site="z2")
    torch.testing.assert_close(function(points), normal(points))
    with pytest.raises(ValueError, match=r"site: expected one of \['z1', 'z2'\], got None"):
        prior_distribution_function(Hierarchy(), x)


def test_prior_draws_come_from_the_prior_and_not_from_the_data():
    draws = prior_draws(Hierarchy(), torch.full((3, 1), 100.0), N)
    assert draws["z1"].shape == (N, 1)
    # Five standard errors of the variance of N normals: 5 * 2 * sqrt(2 / 4000).
    assert float(draws["z1"].var()) == pytest.approx(2.0, abs=0.25)


def test_discrete_latents_have_no_map():
    network = MLP(FEATURES, [3], 6)
    likelihood = BernoulliLikelihood(MLP(6, [3], FEATURES))
    model = CategoricalVAE(network, likelihood, variables=2, categories=3)
    with pytest.raises(ValueError, match="site 'z1': a discrete latent has no map"):
        probability_integral(model, grey_data(), site="z1")


def test_nothing_is_left_behind():
    model = tiny_vae(dropout=0.5)
    model.train()
    probability_integral(model, grey_data())
    assert model.training
    assert all(module.training for module in model.modules())
    assert not pyro.get_param_store().keys()
    assert torch.distributions.Distribution._validate_args


def test_what_is_no_batch_is_refused():
    with pytest.raises(ValueError, match=r"x: expected shape \(n, ...\)"):
        aggregated_posterior(tiny_vae(), torch.zeros(4))
