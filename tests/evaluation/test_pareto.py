"""The tail of importance weights: its shape, what more draws have gained, and who is warned."""

import math

import pytest
import torch
from linear_gaussian import data, exact_vae, poor_vae
from registry import DATA, LATENT, POSTERIORS

from pyrovae import VAE, evaluate
from pyrovae.evaluation import log_likelihood, score, wider
from pyrovae.evaluation.importance import Halves, ImportanceSampling
from pyrovae.evaluation.log_likelihood import of_weights
from pyrovae.evaluation.pareto import Tail, pareto_k, tail_size
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.priors import NormalPrior

X = data(50)
NORMALS = [
    "NormalPosterior",
    "LowRankNormalPosterior",
    "FullNormalPosterior",
    "HouseholderPosterior",
    "PlanarPosterior",
    "SylvesterPosterior",
    "IAFPosterior",
]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("k", [0.2, 0.5, 1.0, 1.5])
def test_k_of_pareto_weights(k):
    # u^-k has a tail of shape k. The estimate is drawn to 0.5 by 10 / (M + 10), M = 300 here.
    n, size = 10_000, 100
    log_weights = -k * torch.rand(n, size, generator=seeded(), dtype=torch.float64).log()
    found = pareto_k(log_weights.topk(tail_size(n) + 1, dim=0).values)
    expected = (300 * k + 5) / 310
    # The error of one is about (1 + k) / sqrt(M); 0.03 for its own bias at this M.
    assert abs(found.mean() - expected) < 5 * (1 + k) / math.sqrt(300 * size) + 0.03


def test_k_at_the_edges():
    def of(log_weights):
        return pareto_k(log_weights).tolist()

    noise = torch.randn(50, 1, generator=seeded())
    assert of(torch.zeros(50, 1)) == [-math.inf]
    assert of(1e-5 * noise - 300) == [-math.inf]  # the rounding of sums
    assert of(2000 * noise) == [math.inf]  # all weight in one draw
    assert of(torch.cat([torch.zeros(1, 1), torch.full((49, 1), -math.inf)])) == [math.inf]
    assert math.isnan(of(torch.cat([noise, torch.full((1, 1), math.nan)]))[0])
    assert math.isnan(of(noise[:5])[0])
    # A tail that ends has a negative shape.
    assert of(torch.rand(500, 1, generator=seeded()).log())[0] < 0.2


def test_weights_of_few_values_have_no_heavy_tail():
    rare = torch.rand(1000, 1, generator=seeded()) < 0.05
    log_weights = torch.where(rare, 0.0, -1.0)
    assert of_weights(log_weights).pareto_k.tolist() == [-math.inf]
    # As heavy as what stands above the tie.
    heavy = torch.where(rare, -2 * torch.rand(1000, 1, generator=seeded(1)).log(), -1.0)
    assert of_weights(heavy).pareto_k[0] > 0.7


def test_a_datum_without_weights_leaves_the_others_theirs():
    log_weights = -1.5 * torch.rand(1000, 10, generator=seeded(), dtype=torch.float64).log()
    log_weights[:, 0] = -math.inf
    log_weights[:500, 1] = -math.inf
    each = of_weights(log_weights)
    assert each.ess[0] == 0
    mean = each.mean()
    assert mean.value == -math.inf
    assert mean.heavy > 0.8
    assert mean.growth == pytest.approx(each.growth[2:].mean().item())
    assert 0 < mean.ess < 1000


@pytest.mark.parametrize("parts", [[1000], [300, 700], [1] * 40 + [960], [999, 1]])
def test_parts_of_the_draws_make_the_same_tail_and_halves(parts):
    log_weights = torch.randn(1000, 4, generator=seeded()).double()
    tail, halves, weights = Tail(4, 1000), Halves(4, 1000), ImportanceSampling(4)
    for part in log_weights.split(parts):
        for taking in (tail, halves, weights):
            taking.add(part)
    torch.testing.assert_close(tail.k, pareto_k(log_weights.topk(96, dim=0).values))
    first, second = (half.logsumexp(0) - math.log(500) for half in log_weights.split(500))
    expected = log_weights.logsumexp(0) - math.log(1000) - (first + second) / 2
    torch.testing.assert_close(halves.growth(weights.log_mean), expected)
    assert (expected >= 0).all()


@pytest.mark.parametrize("samples", [1, 2, 3, 24, 25, 100])
def test_few_draws(samples):
    found = of_weights(torch.randn(samples, 3, generator=seeded()))
    assert found.growth.isnan().all() == (samples == 1)
    assert found.pareto_k.isnan().all() == (samples < 25)
    mean = found.mean()
    assert (mean.heavy is None) == (samples < 25)
    assert (mean.growth is None) == (samples == 1)


def narrow_vae(factor=0.2):
    """The model with a guide that has the right mean and scales that are too small."""
    return wider(exact_vae(), factor)


def test_a_guide_that_is_too_narrow_is_warned_of_and_a_wider_one_mends_it():
    exact = exact_vae().likelihood.log_evidence(X).mean().item()
    narrow = narrow_vae()
    report = evaluate(narrow, X, samples=1000)
    found = report.log_likelihood
    assert found.value < exact - 5 * found.mc_se  # what would be believed
    assert found.heavy > 0.5
    (warning,) = report.warnings
    assert "too heavy a tail for a mean (Pareto k above 0.7)" in warning
    assert "a wider proposal, or annealing" in warning
    mended = evaluate(narrow, X, samples=1000, wider=6.0)
    assert abs(mended.log_likelihood.value - exact) < 5 * mended.log_likelihood.mc_se
    assert mended.warnings == []
    assert mended.elbo == report.elbo
    assert "with a guide 6 times as wide, S = 1000" in str(mended)
    assert mended.to_dict()["wider"] == 6.0


def test_a_good_guide_is_not_warned_of():
    report = evaluate(exact_vae(), X, samples=200)
    assert report.warnings == []
    assert report.log_likelihood.heavy == 0
    # Float64 sums of log-probabilities near -6.
    assert report.log_likelihood.growth == pytest.approx(0, abs=1e-9)


def test_scores_have_the_shape_of_each_datum():
    scores, found = (f(narrow_vae(), X[:5], samples=100) for f in (score, each))
    assert torch.equal(scores.pareto_k, found.pareto_k)
    assert list(scores.columns)[-1] == "pareto_k"
    assert score(poor_vae(), X[:5], samples=10).pareto_k is None


def each(model, x, **options):
    return log_likelihood(model, x, per_datum=True, **options)


@pytest.mark.parametrize("name", NORMALS)
def test_every_normal_can_be_wider_and_says_its_own_density(name):
    posterior = POSTERIORS[name]()
    vae = VAE(NormalPrior(LATENT), posterior, BernoulliLikelihood(MLP(LATENT, [], DATA)))
    x = torch.rand(3, *DATA, generator=seeded()).round()
    # Importance sampling gives p(x) with either guide.
    found = [each(program, x, samples=4000) for program in (vae, wider(vae, 1.3))]
    a, b = found
    assert ((a.value - b.value).abs() <= 5 * (a.mc_se + b.mc_se)).all()
    assert not torch.equal(a.value, b.value)
    same = each(wider(vae, 1), x, samples=10).value
    torch.testing.assert_close(same, each(vae, x, samples=10).value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["CategoricalPosterior", "PowerSphericalPosterior"])
def test_other_posteriors_are_named(name):
    from registry import PRIORS

    prior = {"CategoricalPosterior": "CategoricalPrior"}.get(name, "UniformSpherePrior")
    q = POSTERIORS[name]()
    vae = VAE(PRIORS[prior](q), q, BernoulliLikelihood(MLP(LATENT, [], DATA)))
    with pytest.raises(ValueError, match="site 'z': expected a normal or a transformed normal"):
        log_likelihood(wider(vae, 2.0), torch.rand(2, *DATA).round(), samples=3)


@pytest.mark.parametrize("factor", [0, -1.0, math.inf, math.nan, "2", True, None])
def test_a_factor_is_a_positive_number(factor):
    with pytest.raises(ValueError, match="factor: expected a positive number"):
        wider(poor_vae(), factor)
