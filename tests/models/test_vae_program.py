"""The VAE as Pyro reads it: sites, plate, shapes, and Pyro's own tools on it."""

import linear_gaussian
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from torch import Size

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood, Likelihood, NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior, Posterior
from pyrovae.priors import MixturePrior, NormalPrior, Prior, VampPrior

DATA = (1, 6, 5)


def make(prior=None, latent=3, data=DATA):
    posterior = NormalPosterior(MLP(data, [4], 2 * latent))
    likelihood = BernoulliLikelihood(MLP(latent, [4], data))
    return VAE(prior or NormalPrior(latent), posterior, likelihood)


def samples(trace):
    return {name: site for name, site in trace.nodes.items() if site["type"] == "sample"}


def test_sites_and_plate():
    vae, x = make(), torch.rand(7, *DATA)
    guide = poutine.trace(vae.guide).get_trace(x)
    model = poutine.trace(poutine.replay(vae.model, guide)).get_trace(x)
    latents, sites = samples(guide), samples(model)
    assert [name for name in latents if name != "data"] == ["z"]
    assert [name for name in sites if name != "data"] == ["z", "x"]
    assert sites["x"]["is_observed"]
    assert sites["x"]["value"] is x
    for site in (latents["z"], sites["z"], sites["x"]):
        (frame,) = site["cond_indep_stack"]
        assert (frame.name, frame.dim, frame.size) == ("data", -1, 7)
        assert site["fn"].batch_shape == (7,)


def test_log_joint_is_prior_times_likelihood():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    z = torch.randn(len(x), linear_gaussian.LATENT).double()
    trace = poutine.trace(poutine.condition(vae.model, {"z": z})).get_trace(x)
    likelihood = dist.Normal(z @ vae.likelihood.weight.T + vae.likelihood.bias, 0.7408182)
    expected = dist.Normal(0.0, 1.0).log_prob(z).sum() + likelihood.log_prob(x).sum()
    assert trace.log_prob_sum().item() == pytest.approx(expected.item(), rel=1e-6)


# Five particles for five data of five features: whatever may be mixed up, broadcasts.
OBJECTIVES = [Trace_ELBO(), ELBO(), ELBO(num_particles=3), ELBO(num_particles=5)]


def refused(vae, x, message, objective, validate):
    """Refused with Pyro's checks, and without them, as in training."""
    with pyro.validation_enabled(validate), pytest.raises(ValueError, match=message):
        objective.loss(vae.model, vae.guide, x)


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_missing_batch_dimension_is_refused(objective, validate):
    x = torch.rand(*DATA)
    message = r"site 'x': expected data of shape \(1, 1, 6, 5\), the batch first, got \(1, 6, 5\)"
    refused(make(), x, message, objective, validate)


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_missing_batch_dimension_of_features_is_refused(objective, validate):
    message = r"site 'x': expected data of shape \(4, 4\), the batch first, got \(4,\)"
    refused(make(data=4), torch.rand(4), message, objective, validate)


def test_flattened_images_are_refused():
    message = r"MLP: expected an input of shape \(\*batch, 1, 6, 5\), got \(7, 30\)"
    refused(make(), torch.rand(7, 30), message, ELBO(), validate=False)


class Shapeless(Likelihood):
    """A user's likelihood with a mistake, which declares nothing."""

    def __init__(self, distribution):
        super().__init__()
        self.distribution = distribution

    def forward(self, z):
        return self.distribution(z)

    @classmethod
    def network_shape(cls, data_shape, **options):
        return data_shape


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_wrong_event_shape_is_refused(objective, validate):
    vae = make(data=4)
    vae.likelihood = Shapeless(lambda z: dist.Normal(z[..., :1], 1.0).to_event(1))
    message = r"site 'x': .* event shape \(1,\), but its value has \(4,\)"
    refused(vae, torch.rand(5, 4), message, objective, validate)


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_likelihood_without_to_event_is_refused_even_where_sizes_agree(objective, validate):
    """Five data of five features: everything broadcasts, and Pyro alone may not notice."""
    vae = make(data=5)
    vae.likelihood = Shapeless(
        lambda z: dist.Normal(z.mean(-1, keepdim=True).expand(*z.shape[:-1], 5), 1.0)
    )
    message = r"site 'x': expected data of shape \(5,\), the batch first, got \(5, 5\)"
    if objective.num_particles == 3:
        message = "Shape mismatch inside plate.* at site x"  # Pyro's own words
    refused(vae, torch.rand(5, 5), message, objective, validate)


class LoosePosterior(Posterior):
    """A user's posterior with latents of another shape than the prior's, undeclared."""

    def forward(self, x):
        return dist.Normal(x.flatten(-3)[..., :4], 1.0).to_event(1)

    @classmethod
    def network_shape(cls, latent_features, **options):
        raise NotImplementedError


class OneLatent(Prior):
    """Undeclared, too: it broadcasts against anything."""

    def forward(self):
        return dist.Normal(torch.zeros(1), 1.0).to_event(1)


@pytest.mark.parametrize("validate", [True, False])
def test_latents_of_the_wrong_event_shape_are_refused(validate):
    vae = VAE(OneLatent(), LoosePosterior(), BernoulliLikelihood(MLP(4, [4], DATA)))
    message = r"site 'z': .* event shape \(1,\), but its value has \(4,\)"
    refused(vae, torch.rand(7, *DATA), message, ELBO(), validate)


@pytest.mark.parametrize(
    ("prior", "posterior", "likelihood", "message"),
    [
        (2, 3, 3, r"latent: .*, got prior \(2,\), posterior \(3,\), likelihood \(3,\)"),
        (3, 3, 2, r"latent: .*, got prior \(3,\), posterior \(3,\), likelihood \(2,\)"),
    ],
)
def test_parts_of_disagreeing_latents_are_refused(prior, posterior, likelihood, message):
    with pytest.raises(ValueError, match=message):
        VAE(
            NormalPrior(prior),
            NormalPosterior(MLP(DATA, [4], 2 * posterior)),
            BernoulliLikelihood(MLP(likelihood, [4], DATA)),
        )


def test_parts_of_disagreeing_data_are_refused():
    posterior = NormalPosterior(MLP(DATA, [4], 6))
    told = r"datum: expected the same shape .*, got posterior \(1, 6, 5\), likelihood \(30,\)"
    with pytest.raises(ValueError, match=told):
        VAE(NormalPrior(3), posterior, BernoulliLikelihood(MLP(3, [4], 30)))
    # The scales of a predicted scale are no data.
    network = MLP(3, [4], (2, 6, 5))
    with pytest.raises(ValueError, match=r"posterior \(1, 6, 5\), likelihood \(2, 6, 5\)"):
        VAE(NormalPrior(3), posterior, NormalLikelihood(network))
    VAE(NormalPrior(3), posterior, NormalLikelihood(network, scale="predicted"))


def test_latent_shape_is_the_parts():
    assert make().latent_shape == Size([3])
    assert VAE(OneLatent(), LoosePosterior(), make(latent=4).likelihood).latent_shape is None


def test_shared_parameters_bear_the_posteriors_name():
    posterior = NormalPosterior(MLP(DATA, [4], 6))
    prior = VampPrior(posterior, pseudo_inputs=torch.rand(2, *DATA))
    names = {name for name, _ in make_with(prior, posterior).named_parameters()}
    assert "prior.pseudo_inputs" in names
    assert not any(name.startswith("prior.posterior") for name in names)
    assert any(name.startswith("posterior.network") for name in names)


def make_with(prior, posterior):
    return VAE(prior, posterior, BernoulliLikelihood(MLP(3, [4], DATA)))


# Pyro's own tools.


@pytest.mark.parametrize("parallel", [False, True])
def test_predictive_from_the_prior(parallel):
    vae = make()
    predictive = Predictive(poutine.uncondition(vae.model), num_samples=9, parallel=parallel)
    draws = predictive(torch.rand(7, *DATA))
    assert draws["z"].shape == (9, 7, 3)
    assert draws["x"].shape == (9, 7, *DATA)


@pytest.mark.parametrize("parallel", [False, True])
def test_predictive_from_the_posterior(parallel):
    vae, x = make(), torch.rand(7, *DATA)
    predictive = Predictive(
        poutine.uncondition(vae.model), guide=vae.guide, num_samples=9, parallel=parallel
    )
    assert predictive(x)["x"].shape == (9, 7, *DATA)


@pytest.mark.parametrize("parallel", [False, True])
def test_predictive_from_given_latents(parallel):
    vae = linear_gaussian.poor_vae()
    x, z = linear_gaussian.data(), torch.randn(9, 6, linear_gaussian.LATENT).double()
    predictive = Predictive(vae.model, posterior_samples={"z": z}, parallel=parallel)
    site = predictive.get_vectorized_trace(x).nodes["x"] if parallel else None
    draws = Predictive(
        poutine.uncondition(vae.model),
        posterior_samples={"z": z},
        return_sites=["z", "x"],
        parallel=parallel,
    )(x)
    assert torch.equal(draws["z"], z)
    assert draws["x"].shape == (9, 6, linear_gaussian.FEATURES)
    if site is not None:
        torch.testing.assert_close(site["fn"].mean, vae.likelihood(z).mean)


def test_conditioning_on_latents():
    vae, x, z = make(), torch.rand(7, *DATA), torch.randn(7, 3)
    trace = poutine.trace(poutine.condition(vae.model, {"z": z})).get_trace(x)
    assert torch.equal(trace.nodes["z"]["value"], z)
    torch.testing.assert_close(trace.nodes["x"]["fn"].mean, vae.likelihood(z).mean)


@pytest.mark.parametrize("shape", [(3,), (7,), (1, 3), (7, 4), (6, 3)])
def test_conditioning_on_latents_of_the_wrong_shape_is_refused(shape):
    program = poutine.condition(make().model, {"z": torch.zeros(shape)})
    with pytest.raises(ValueError, match="site 'z'"):
        program(torch.rand(7, *DATA))


def test_autoguide_for_a_fixed_batch_finds_the_posterior():
    """Linear and normal with one latent: AutoNormal can be exact, and gets there."""
    vae = make_one_dimensional()
    x = torch.tensor([[0.5, -0.2], [2.0, 1.0], [-1.0, -1.5]]).double()
    vae.requires_grad_(False)
    guide = AutoNormal(vae.model)
    svi = SVI(vae.model, guide, pyro.optim.Adam({"lr": 0.05}), ELBO(num_particles=20))
    for _ in range(150):
        svi.step(x)
    exact = vae.likelihood.exact_posterior(x)
    means = guide.median()["z"]
    # The noise of Adam with this rate is some 0.05; the means span from -1 to 1.4.
    assert means.shape == (3, 1)
    torch.testing.assert_close(means, exact.mean, atol=0.15, rtol=0.0, check_dtype=False)


class NormalOne(Prior):
    def forward(self):
        return dist.Normal(torch.zeros(1).double(), 1.0).to_event(1)


def make_one_dimensional(prior=None):
    likelihood = linear_gaussian.LinearLikelihood()
    likelihood.weight = torch.nn.Parameter(torch.tensor([[1.0], [0.5]]).double())
    likelihood.bias = torch.nn.Parameter(torch.zeros(2).double())
    posterior = linear_gaussian.ExactPosterior(likelihood)
    return VAE(prior or NormalOne(), posterior, likelihood)


@pytest.mark.parametrize("prior", ["normal", "mixture", "vamp"])
def test_nuts_on_the_latents(prior):
    vae = make_one_dimensional()
    x = torch.tensor([[0.5, -0.2], [2.0, 1.0]]).double()
    if prior == "mixture":
        vae.prior = MixturePrior(1, components=3).double()
    elif prior == "vamp":
        vae.prior = VampPrior(vae.posterior, pseudo_inputs=x)
    vae.requires_grad_(False)
    kernel = NUTS(vae.model, max_tree_depth=3)
    mcmc = MCMC(kernel, num_samples=100, warmup_steps=30, disable_progbar=True)
    mcmc.run(x)
    z = mcmc.get_samples()["z"]
    assert z.shape == (100, 2, 1)
    assert z.std(0).min() > 0
    if prior == "normal":
        exact = vae.likelihood.exact_posterior(x)
        # Of 100 draws with short trees some 50 count: error 0.55 / 7 = 0.08; four of them.
        torch.testing.assert_close(z.mean(0), exact.mean, atol=0.32, rtol=0.0)
