"""Annealed importance sampling is unbiased, a bound from either side, and knows every latent."""

import math
from itertools import pairwise
from types import SimpleNamespace

import conditional
import missing_data
import pyro
import pyro.distributions as dist
import pytest
import torch
import two_layers
from likelihood_registry import likelihood
from linear_gaussian import data, exact_vae, poor_vae
from pyro import poutine
from registry import DATA, KINDS, OF_CODES, POSTERIORS, PRIORS
from tiny import binary_data, same, state, tiny_vae
from torch.distributions import NegativeBinomial

from pyrovae import VAE
from pyrovae.distributions import CountsGivenTotal, Mixture
from pyrovae.evaluation import annealed_log_likelihood, bidirectional
from pyrovae.evaluation.annealing.chains import Annealing
from pyrovae.evaluation.annealing.path import inverse_temperatures
from pyrovae.evaluation.annealing.simulated import simulate
from pyrovae.likelihoods import BernoulliLikelihood

X = data(4)
MANY = {"chains": 1000, "temperatures": 3, "leapfrog_steps": 3, "compile": False}


def by_prior_draws(model, batch, draws=8_000):
    """log p(x) of each datum by draws from the prior alone, with its standard error."""
    repeated = [value.repeat(draws, *[1] * (value.dim() - 1)) for value in batch]
    with torch.no_grad():
        trace = poutine.trace(model.model).get_trace(*repeated)
    trace.compute_log_prob(lambda name, site: site["is_observed"])
    observed = [trace.nodes[name]["log_prob"] for name in trace.observation_nodes]
    log_p = sum(observed).double().reshape(draws, -1)
    value = log_p.logsumexp(0) - math.log(draws)
    return value, (log_p - value).exp().std(0) / math.sqrt(draws)


def agrees(bound, value, error=0.0):
    # Five standard errors; the bias of a logarithm, half a variance, is far below with so many
    # chains. 1e-4 for the rounding of sums in float32.
    return bool(((bound.value - value).abs() <= 5 * (bound.mc_se + error) + 1e-4).all())


def gamma_poisson():
    """z ~ Gamma(2, 0.5), x|z ~ Poisson(z): x is negative binomial. The guide is of no use."""

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Gamma(torch.full((1,), 2.0), 0.5).to_event(1))
            pyro.sample("x", dist.Poisson(z).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Gamma(torch.full((1,), 50.0), 50.0).to_event(1))

    return SimpleNamespace(model=model, guide=guide, parameters=lambda: iter(()))


def test_weights_of_a_short_path_average_to_the_evidence():
    model = poor_vae()
    assert agrees(annealed_log_likelihood(model, X, **MANY), model.likelihood.log_evidence(X))


def test_inverse_weights_from_the_posterior_average_to_the_inverse_evidence():
    # One datum many times over, each with a draw of its exact posterior and one chain.
    model, n = exact_vae(), 3000
    run = Annealing(model, chains=1, temperatures=3, leapfrog_steps=5)
    with run.batches(X[:1].repeat(n, 1), rows=n, compile=False, seed=0) as batches:
        (batch,) = batches
        z = model.likelihood.exact_posterior(*batch).sample()
        log_weights, _ = run.of(batch).backward({"z": z})
    ratios = (model.likelihood.log_evidence(X[:1]) - log_weights).exp()
    assert abs(ratios.mean() - 1) <= 5 * ratios.std() / math.sqrt(n)


def test_a_long_path_has_the_evidence_between_two_bounds_that_are_close():
    model = poor_vae()
    options = {"temperatures": 40, "leapfrog_steps": 5, "compile": False}
    assert agrees(annealed_log_likelihood(model, X, **options), model.likelihood.log_evidence(X))
    sandwich = bidirectional(model, data(20), **options)
    gap = sandwich.gap
    # A tenth of a nat for a path of so few temperatures.
    assert -5 * gap.data_se < gap.value < 0.1 + 5 * gap.data_se
    assert len(sandwich.lower) == len(sandwich.upper) == 20
    assert sandwich.upper.mc_se is None
    assert "20 simulated data, 16 chains of 40 temperatures" in str(sandwich)
    assert f"gap                {gap}" in str(sandwich)


def counts(distribution):
    """z ~ N(0, 1) and counts of three categories with logits z (1, 0, -1)."""

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            pyro.sample("x", distribution(z * torch.tensor([1.0, 0.0, -1.0])), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))

    return SimpleNamespace(model=model, guide=guide, parameters=lambda: iter(()))


COUNTS = torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 0.0], [30.0, 40.0, 30.0]])


def test_counts_are_simulated_with_the_totals_of_the_data():
    made = simulate(counts(CountsGivenTotal).model, (COUNTS,))["x"]["value"]
    assert made.sum(1).tolist() == [0, 3, 100]
    options = {"chains": 2, "temperatures": 2, "compile": False}
    found = bidirectional(counts(CountsGivenTotal), COUNTS, **options)
    # Of a total of 0 there is one datum, of probability 1.
    assert found.lower.value[0].item() == pytest.approx(0, abs=1e-6)
    assert found.upper.value[0].item() == pytest.approx(0, abs=1e-6)
    assert found.lower.value[2] < -1


def mixture(logits):
    both = CountsGivenTotal(logits.unsqueeze(-2).expand(*logits.shape[:-1], 2, 3), total_count=3)
    return Mixture(dist.Categorical(logits=torch.zeros(*logits.shape[:-1], 2)), both)


@pytest.mark.parametrize(
    "distribution", [lambda logits: dist.Multinomial(3, logits=logits), mixture]
)
def test_totals_that_are_not_drawn_are_refused(distribution):
    program = counts(distribution).model
    assert simulate(program, (COUNTS[1:2],))["x"]["value"].sum() == 3
    with pytest.raises(
        ValueError, match="site 'x': .* can only draw counts with a total of 3, but .* 100"
    ):
        simulate(program, (COUNTS[1:],))


def test_a_latent_that_is_positive():
    x = torch.tensor([[0.0], [3.0], [20.0]])
    exact = NegativeBinomial(2.0, probs=torch.tensor(1 / 1.5)).log_prob(x)[:, 0]
    assert agrees(annealed_log_likelihood(gamma_poisson(), x, **MANY), exact)


def test_latents_in_a_hierarchy():
    model, x = two_layers.bottom_up(), two_layers.data(3)
    bound = annealed_log_likelihood(model, x, **MANY | {"temperatures": 10})
    assert agrees(bound, two_layers.log_evidence(x))


CASES = {
    "conditional": lambda: (conditional.make(), (conditional.data(3), conditional.Y[:3])),
    "missing data": lambda: (missing_data.poor(), missing_data.linear_data(3)),
}
REAL = [
    name
    for name in PRIORS
    if KINDS.get(name, "real") in ("real", "simplex", "bounded", "circle", "ball")
    and name != "TwoStagePrior"  # whose density is an estimate
]


OF_KIND = {
    "bounded": "GammaPosterior",
    "circle": "VonMisesPosterior",
    "ball": "WrappedNormalPosterior",
}


def of_prior(name):
    q = POSTERIORS["VectorQuantizedPosterior" if name in OF_CODES else "NormalPosterior"]()
    kind = KINDS.get(name)
    if kind in OF_KIND:
        q = POSTERIORS[OF_KIND[kind]]()
    elif kind == "simplex":
        q = POSTERIORS["RelaxedCategoricalPosterior"]()
    elif kind == "sphere":
        q = POSTERIORS["PowerSphericalPosterior"]()
    elif kind == "discrete":
        q = POSTERIORS["CategoricalPosterior"]()
    model = VAE(PRIORS[name](q), q, likelihood(BernoulliLikelihood))
    return model, (torch.rand(2, *DATA, generator=torch.Generator().manual_seed(0)).round(),)


@pytest.mark.parametrize("name", [*CASES, *REAL])
def test_every_model_with_continuous_latents(name):
    model, batch = CASES[name]() if name in CASES else of_prior(name)
    value, error = by_prior_draws(model, batch)
    source = batch if len(batch) > 1 else batch[0]
    assert agrees(annealed_log_likelihood(model, source, **MANY | {"chains": 400}), value, error)


@pytest.mark.parametrize("name", sorted(set(PRIORS) - set(REAL)))
def test_latents_that_cannot_be_annealed_are_named(name):
    model, (x,) = of_prior(name)
    with pytest.raises(ValueError, match=r"site 'z': .*annealing (takes|needs) latents"):
        annealed_log_likelihood(model, x, temperatures=2)


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.proof)])
def test_a_compiled_path_is_the_eager_one(whole, request):
    if not whole:
        request.getfixturevalue("only_traced")
    model, x = poor_vae(), X[:2]
    options = {"chains": 2, "temperatures": 2, "leapfrog_steps": 2}
    eager, compiled = (
        annealed_log_likelihood(model, x, compile=c, **options) for c in (False, True)
    )
    # Double precision, summed in another order.
    torch.testing.assert_close(compiled.value, eager.value, rtol=1e-9, atol=1e-9)


def test_nothing_of_the_model_or_the_random_state_is_changed():
    model, x = tiny_vae().train(), binary_data(3)
    before, random = state(model), torch.get_rng_state()
    first, second = (
        bidirectional(model, x, chains=2, temperatures=2, compile=False) for _ in range(2)
    )
    assert torch.equal(first.lower.value, second.lower.value)
    assert same(state(model), before)
    assert torch.equal(torch.get_rng_state(), random)
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_one_chain_has_no_error_and_each_number_is_checked():
    assert (
        annealed_log_likelihood(tiny_vae(), binary_data(2), chains=1, temperatures=1).mc_se is None
    )
    for name in ("chains", "temperatures", "leapfrog_steps", "rows"):
        with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
            annealed_log_likelihood(tiny_vae(), binary_data(2), **{name: 0})


def test_a_likelihood_that_is_nan_is_no_bound():
    model = tiny_vae()
    model.likelihood.network.layers[-1].bias.data.fill_(math.nan)
    with pytest.raises(ValueError, match=r"log p\(x\|z\) is NaN on the annealing path of 100 %"):
        annealed_log_likelihood(model, binary_data(2), temperatures=2)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_inverse_temperatures_rise_from_prior_to_posterior(steps):
    betas = inverse_temperatures(steps)
    assert betas[0] == 0
    assert betas[-1] == 1
    assert len(betas) == steps + 1
    assert all(a < b for a, b in pairwise(betas))
