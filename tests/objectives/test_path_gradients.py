"""Gradients by way of model, density and samples, taken apart and put together."""

import linear_gaussian
import pyro
import pyro.distributions as dist
import pytest
import torch
from linear_gaussian import FEATURES, LinearLikelihood, StandardNormal
from programs import loss_and_gradients, mixture_vae, normal_vae
from pyro import poutine
from pyro.distributions import transforms
from torch import nn

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    BetaELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    LeafObjective,
    PartiallyImportanceWeightedELBO,
    ReweightedWakeSleep,
    StickingTheLandingELBO,
    ThermodynamicELBO,
)
from pyrovae.objectives.leaves import Coefficients
from pyrovae.posteriors import NormalPosterior, Posterior
from pyrovae.priors import NormalPrior, VampPrior


class FreePosterior(Posterior):
    """A normal around a linear map of x, with a covariance of its own, begun near p(z|x)."""

    def __init__(self, likelihood, error=0.0):
        super().__init__()
        with torch.no_grad():
            basis = torch.eye(FEATURES).double()
            constant = likelihood.exact_posterior(torch.zeros_like(basis)).mean[0]
            self.weight = nn.Parameter(
                likelihood.exact_posterior(basis).mean.mT - constant.unsqueeze(-1) + error
            )
            self.bias = nn.Parameter(constant + error)
            self.tril = nn.Parameter(likelihood.exact_posterior(basis).scale_tril[0] + 0.0)

    def forward(self, x):
        loc = x @ self.weight.mT + self.bias
        return dist.MultivariateNormal(loc, scale_tril=self.tril.tril())


def free_vae(error=0.0):
    likelihood = LinearLikelihood()
    return VAE(StandardNormal(), FreePosterior(likelihood, error), likelihood)


def gradient_of(objective, vae, x, part="posterior"):
    vae.zero_grad()
    objective.loss_and_grads(vae.model, vae.guide, x)
    return torch.cat([p.grad.flatten() for p in getattr(vae, part).parameters()])


def gradients(objective, vae, x, repeats, part="posterior"):
    return torch.stack([gradient_of(objective, vae, x, part) for _ in range(repeats)])


PATHS = {
    "StickingTheLandingELBO-1": StickingTheLandingELBO(),
    "StickingTheLandingELBO-4": StickingTheLandingELBO(num_particles=4),
    "DoublyReparameterizedELBO-1": DoublyReparameterizedELBO(num_particles=1),
    "DoublyReparameterizedELBO-4": DoublyReparameterizedELBO(num_particles=4),
}


@pytest.mark.parametrize("name", PATHS)
def test_at_the_exact_posterior_the_guides_gradient_is_zero_in_every_draw(name):
    vae, x = free_vae(), linear_gaussian.data()
    draws = gradients(PATHS[name], vae, x, 5)
    # Rounding in float64, of terms of the order of ten.
    assert draws.abs().max() < 1e-10


@pytest.mark.parametrize("objective", [ELBO(), ImportanceWeightedELBO(num_particles=4)])
def test_at_the_exact_posterior_other_gradients_are_not_zero(objective):
    vae, x = free_vae(), linear_gaussian.data()
    assert gradients(objective, vae, x, 5).abs().max() > 0.1


class Everything(LeafObjective):
    """All parts with the same coefficients: the ordinary gradient, by way of the leaves."""

    def coefficients(self, log_weights):
        weights = log_weights.softmax(0)
        return Coefficients(model=weights, density=weights, path=weights)


def chain():
    """Three latents, each of which the guide draws given all before it."""
    parameters = {
        k: torch.tensor(v).double()
        for k, v in {"a": 0.5, "b": -0.3, "c": 0.8, "d": 0.4, "s": 0.7}.items()
    }

    def get():
        return {k: pyro.param(k, v) for k, v in parameters.items()}

    def model(x):
        p = get()
        with pyro.plate("data", len(x), dim=-1):
            z1 = pyro.sample("z1", dist.Normal(torch.zeros(len(x)).double(), 1.0))
            z2 = pyro.sample("z2", dist.Normal(p["a"] * z1.sin(), 0.9))
            z3 = pyro.sample("z3", dist.Normal(z1 * z2, 0.8))
            pyro.sample("x", dist.Normal(z3 + p["b"] * z1, 0.5), obs=x)

    def guide(x):
        p = get()
        with pyro.plate("data", len(x), dim=-1):
            z3 = pyro.sample("z3", dist.Normal(p["c"] * x, p["s"]))
            z1 = pyro.sample("z1", dist.Normal(p["d"] * z3.tanh() + p["b"] * x, 0.6))
            pyro.sample("z2", dist.Normal(p["c"] * z1 * z3 - p["d"] * x, p["s"] * 1.1))

    return model, guide, torch.tensor([0.3, -1.2, 2.0, 0.9]).double()


def vamp_vae(noisy=True):
    options = {"batch_norm": True, "dropout": 0.3} if noisy else {"activation": "tanh"}
    x = torch.rand(6, 1, 2, 3)
    posterior = NormalPosterior(MLP((1, 2, 3), [4], 6, **options))
    prior = VampPrior(posterior, pseudo_inputs=x[:4])
    vae = VAE(prior, posterior, BernoulliLikelihood(MLP(3, [4], (1, 2, 3), **options)))
    return vae.model, vae.guide, x.round()


MAKERS = {"normal": normal_vae, "mixture": mixture_vae, "chain": chain, "vamp-noisy": vamp_vae}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("num_particles", [1, 4])
def test_the_parts_add_up_to_the_ordinary_gradient_draw_by_draw(name, num_particles):
    results = []
    for cls in (ImportanceWeightedELBO, Everything):
        # Made anew: batch normalisation moves at each run, and the prior reads its statistics.
        pyro.clear_param_store()
        torch.manual_seed(0)
        results.append(loss_and_gradients(cls(num_particles=num_particles), *MAKERS[name]()))
    (expected_loss, expected), (loss, got) = results
    expected, got = list(expected.values()), list(got.values())
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    for gradient, wanted in zip(got, expected, strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-5)
    assert all(gradient.any() for gradient in expected)


def vector(objective, model, guide, x, seed):
    _, found = loss_and_gradients(objective, model, guide, x, seed=seed)
    return torch.cat([g.flatten().double() for g in found.values()])


def paired_t(one, other, model, guide, x, repeats):
    """The t of each parameter's difference, over draws, and the size of the means."""
    rows = torch.stack(
        [vector(one, model, guide, x, s) - vector(other, model, guide, x, s + 10**6)
         for s in range(repeats)]
    )  # fmt: skip
    t = rows.mean(0) / (rows.std(0) / repeats**0.5)
    return t[rows.std(0) > 1e-7]


def limit(tests, level=1e-3):
    """What |t| exceeds with that probability in any of so many tests (Bonferroni, normal)."""
    return dist.Normal(0.0, 1.0).icdf(torch.tensor(1 - level / (2 * tests))).item()


def poor():
    vae = linear_gaussian.poor_vae()
    return vae.model, vae.guide, linear_gaussian.data().repeat(20, 1)


def poor_vamp():
    model, guide, x = vamp_vae(noisy=False)
    return model, guide, x.repeat(20, 1, 1, 1)


def poor_chain():
    model, guide, x = chain()
    return model, guide, x.repeat(30)


def uneven():
    """A latent whose density counts a third, and one that is masked for half of the data."""
    a, b, c = (torch.tensor(v).double() for v in (0.5, 0.8, 0.6))
    mask = torch.tensor([True, False]).repeat(60)

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            with poutine.scale(scale=0.3):
                z1 = pyro.sample(
                    "z1", dist.Normal(torch.zeros(len(x), 2).double(), 1.0).to_event(1)
                )
            with poutine.mask(mask=mask):
                z2 = pyro.sample("z2", dist.Normal(z1.sum(-1), 0.9))
            pyro.sample("x", dist.Normal(z2 + z1[..., 0], 0.5), obs=x)

    def guide(x):
        p = {k: pyro.param(k, v) for k, v in (("a", a), ("b", b), ("c", c))}
        with pyro.plate("data", len(x), dim=-1):
            with poutine.scale(scale=0.3):
                loc = torch.stack([p["a"] * x, p["b"] * x], -1)
                z1 = pyro.sample("z1", dist.Normal(loc, p["c"]).to_event(1))
            with poutine.mask(mask=mask):
                pyro.sample("z2", dist.Normal(p["b"] * z1.prod(-1), p["c"]))

    return model, guide, torch.tensor([0.3, -1.2, 2.0, 0.9]).double().repeat(30)


HARD = {"poor": poor, "chain": poor_chain, "vamp": poor_vamp, "uneven": uneven}


@pytest.mark.parametrize("name", HARD)
def test_doubly_reparameterised_gradient_is_that_of_the_bound_in_expectation(name):
    model, guide, x = HARD[name]()
    one, other = (
        DoublyReparameterizedELBO(num_particles=3),
        ImportanceWeightedELBO(num_particles=3),
    )
    t = paired_t(one, other, model, guide, x, 150)
    assert len(t) >= 3
    assert t.abs().max() < limit(len(t))


@pytest.mark.parametrize("name", HARD)
def test_sticking_the_landing_with_one_particle_is_unbiased(name):
    model, guide, x = HARD[name]()
    t = paired_t(StickingTheLandingELBO(), ELBO(), model, guide, x, 150)
    assert t.abs().max() < limit(len(t))


@pytest.mark.parametrize("name", ["poor", "chain"])
def test_sticking_the_landing_with_several_particles_is_biased(name):
    """So the tests above can tell."""
    model, guide, x = HARD[name]()
    one, other = StickingTheLandingELBO(num_particles=3), ImportanceWeightedELBO(num_particles=3)
    t = paired_t(one, other, model, guide, x, 150)
    assert t.abs().max() > 2 * limit(len(t))


@pytest.mark.parametrize("beta", [0.3, 2.0])
def test_a_weight_on_the_latents_leaves_the_doubly_reparameterised_gradient_unbiased(beta):
    model, guide, x = poor()
    one = BetaELBO(beta, elbo=DoublyReparameterizedELBO(num_particles=3))
    other = BetaELBO(beta, elbo=ImportanceWeightedELBO(num_particles=3))
    t = paired_t(one, other, model, guide, x, 150)
    assert t.abs().max() < limit(len(t))
    # With the square alone it would not be.
    t = paired_t(Squares(beta), other, model, guide, x, 150)
    assert t.abs().max() > 2 * limit(len(t))


class Squares(BetaELBO):
    """DReG as if the weight were 1."""

    class _Squares(DoublyReparameterizedELBO):
        def coefficients(self, log_weights):
            weights = log_weights.softmax(0)
            return Coefficients(model=weights, density=0.0, path=weights.square())

    def __init__(self, beta):
        super().__init__(beta, elbo=self._Squares(num_particles=3))


def test_signal_to_noise_of_the_guides_gradient_falls_with_particles_or_rises():
    """Rainforth et al.: as 1 / sqrt(K) for the bound; Tucker et al.: as sqrt(K) for DReG."""
    vae, x = free_vae(error=0.1), linear_gaussian.data().repeat(2, 1)
    with torch.no_grad():
        vae.posterior.tril *= 1.5
    ratios = {}
    for cls in (ImportanceWeightedELBO, DoublyReparameterizedELBO):
        for k in (1, 64):
            draws = gradients(cls(num_particles=k), vae, x, 200)
            ratios[cls, k] = (draws.mean(0).norm() / draws.std(0).norm()).item()
    # A factor of 8 each way in the limit. The mean of 200 draws has itself a ratio of 0.07, where
    # the ratios are 1.3 and 0.1 for the bound and 2.2 and 9 for DReG.
    assert ratios[ImportanceWeightedELBO, 64] < ratios[ImportanceWeightedELBO, 1] / 4
    assert ratios[DoublyReparameterizedELBO, 64] > ratios[DoublyReparameterizedELBO, 1] * 2


def test_the_models_gradient_is_the_bounds_own():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    torch.manual_seed(1)
    expected = gradient_of(ImportanceWeightedELBO(num_particles=5), vae, x, "likelihood")
    for cls in (
        DoublyReparameterizedELBO,
        StickingTheLandingELBO,
        ReweightedWakeSleep,
    ):
        torch.manual_seed(1)
        got = gradient_of(cls(num_particles=5), vae, x, "likelihood")
        torch.testing.assert_close(got, expected)


def test_by_hand():
    """The guide's gradient of both, with detached copies of its parameters."""
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    torch.manual_seed(1)
    q = vae.posterior(x)
    z = q.rsample((5,))
    fixed = dist.Normal(q.base_dist.loc.detach(), q.base_dist.scale.detach()).to_event(1)
    log_w = vae.prior().log_prob(z) + vae.likelihood(z).log_prob(x) - fixed.log_prob(z)
    weights = log_w.detach().softmax(0)
    parameters = list(vae.posterior.parameters())
    for cls, power in ((StickingTheLandingELBO, 1), (DoublyReparameterizedELBO, 2)):
        loss = -(weights**power * log_w).sum()
        expected = torch.autograd.grad(loss, parameters, retain_graph=True)
        torch.manual_seed(1)
        got = gradient_of(cls(num_particles=5), vae, x)
        torch.testing.assert_close(got, torch.cat([g.flatten() for g in expected]))


class FlowPosterior(Posterior):
    def __init__(self, transform):
        super().__init__()
        self.network = MLP((1, 2, 3), [4], 3)
        self.transform = transform

    def forward(self, x):
        base = dist.Normal(self.network(x), 0.5).to_event(1)
        return dist.TransformedDistribution(base, [self.transform])


def flow_vae(transform):
    likelihood = BernoulliLikelihood(MLP(3, [4], (1, 2, 3)))
    return VAE(NormalPrior(3), FlowPosterior(transform), likelihood), torch.rand(
        5, 1, 2, 3
    ).round()


LEAVES = {
    "StickingTheLandingELBO": StickingTheLandingELBO,
    "DoublyReparameterizedELBO": DoublyReparameterizedELBO,
    "PartiallyImportanceWeightedELBO": PartiallyImportanceWeightedELBO,
    "ReweightedWakeSleep": ReweightedWakeSleep,
    "ThermodynamicELBO": ThermodynamicELBO,
}


@pytest.mark.parametrize("name", LEAVES)
@pytest.mark.parametrize("transform", ["Planar", "Radial", "Sylvester"])
def test_transforms_without_inverse_are_refused(name, transform):
    options = {"count_transforms": 2} if transform == "Sylvester" else {}
    vae, x = flow_vae(getattr(transforms, transform)(3, **options))
    assert ELBO().loss_and_grads(vae.model, vae.guide, x).isfinite()
    words = "site 'z': a transform of its TransformedDistribution has no inverse"
    with pytest.raises(ValueError, match=words):
        LEAVES[name]().loss_and_grads(vae.model, vae.guide, x)


def test_a_transform_with_inverse_is_served():
    vae, x = flow_vae(transforms.affine_autoregressive(3, hidden_dims=[8]))
    torch.manual_seed(1)
    expected = gradient_of(ImportanceWeightedELBO(num_particles=3), vae, x)
    torch.manual_seed(1)
    got = gradient_of(Everything(num_particles=3), vae, x)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-5)


def test_an_error_that_is_not_the_guides_is_passed_on():
    vae, x = flow_vae(transforms.affine_autoregressive(3, hidden_dims=[8]))

    def model(x):
        raise KeyError("of the user's own")

    with pytest.raises(KeyError, match="of the user's own"):
        StickingTheLandingELBO().loss(model, vae.guide, x)


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_rounded_draws_are_refused(name):
    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Bernoulli(0.5 * torch.ones(len(x))))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            q = dist.RelaxedBernoulliStraightThrough(torch.tensor(0.5), logits=x)
            pyro.sample("z", q)

    with pytest.raises(ValueError, match="site 'z': the draws of RelaxedBernoulliStraightThrough"):
        LEAVES[name]().loss(model, guide, torch.randn(4))
