"""Several modalities: experts, objectives and queries, against closed forms."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch.distributions import MultivariateNormal

from pyrovae.distributions import ExpertMixture
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.models import MultimodalVAE
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    ImportanceWeightedELBO,
    StratifiedELBO,
    SubsetsELBO,
)
from pyrovae.posteriors import (
    MixtureOfProductsPosterior,
    MixturePosterior,
    NormalPosterior,
    ProductPosterior,
)
from pyrovae.priors import NormalPrior

KINDS = [ProductPosterior, MixturePosterior, MixtureOfProductsPosterior]
SLOPES, SCALES = (2.0, -0.7), (0.5, 1.5)


def linear(slope, offset=0.0):
    """A network of one number, x to slope x + offset, and of what else it is given."""
    network = MLP(1, [], 1)
    with torch.no_grad():
        network.layers[0].weight.fill_(slope)
        network.layers[0].bias.fill_(offset)
    return network


def expert(slope, scale):
    """The posterior of z under a flat prior from x = slope z + noise: mean x / a, scale s / a."""
    network = MLP(1, [], 2)
    spread = abs(scale / slope)
    with torch.no_grad():
        network.layers[0].weight.copy_(torch.tensor([[1 / slope], [0.0]]))
        network.layers[0].bias.copy_(torch.tensor([0.0, math.log(math.expm1(spread - 1e-6))]))
    return NormalPosterior(network)


def exact_model(kind=ProductPosterior):
    """Two noisy views of one number, of which the product of experts is the exact posterior."""
    pairs = list(zip(SLOPES, SCALES, strict=True))
    likelihoods = {
        name: NormalLikelihood(linear(a), scale=s)
        for name, (a, s) in zip(("left", "right"), pairs, strict=True)
    }
    return MultimodalVAE(NormalPrior(1), kind([expert(*p) for p in pairs]), likelihoods)


def views(n=6):
    torch.manual_seed(3)
    return torch.randn(n, 1), torch.randn(n, 1)


def log_evidence(x, present):
    """The marginal of the views that are there, a normal."""
    a, s = torch.tensor(SLOPES), torch.tensor(SCALES)
    found = []
    for row, there in zip(torch.cat(x, 1), present, strict=True):
        covariance = torch.outer(a[there], a[there]) + torch.diag(s[there] ** 2)
        zero = torch.zeros(int(there.sum()))
        found.append(MultivariateNormal(zero, covariance).log_prob(row[there]))
    return torch.stack(found)


PRESENT = torch.tensor([[1, 1], [1, 0], [0, 1], [1, 1], [1, 0], [0, 1]]).bool()


@pytest.mark.parametrize("particles", [1, 4])
def test_the_product_of_exact_experts_bounds_exactly_whatever_is_missing(particles):
    """Where q is the posterior, each draw's weight is p(x): any bound is exact."""
    model, x = exact_model(), views()
    elbo = ImportanceWeightedELBO(num_particles=particles)
    both = torch.ones(6, 2, dtype=torch.bool)
    for batch, present in [
        (x, both),
        ((*x, PRESENT), PRESENT),
        ((x[0], None), both & torch.tensor([True, False])),
        ((None, x[1]), both & torch.tensor([False, True])),
    ]:
        expected = -log_evidence(x, present).sum().item()
        # The sum of six logarithms in single precision.
        assert elbo.loss(model.model, model.guide, *batch) == pytest.approx(expected, abs=1e-4)


def test_what_stands_in_place_of_what_is_missing_does_not_matter():
    model, x = exact_model(), views()
    holes = [torch.where(PRESENT[:, m, None], v, torch.nan) for m, v in enumerate(x)]
    loss = ELBO().loss_and_grads(model.model, model.guide, *holes, PRESENT)
    assert loss.item() == pytest.approx(-log_evidence(x, PRESENT).sum().item(), abs=1e-4)
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_the_sum_over_subsets():
    """Each modality by itself, and random ones: exact where the experts are."""
    model, x = exact_model(), views()
    both = torch.ones(6, 2, dtype=torch.bool)
    alone = [log_evidence(x, both & (torch.arange(2) == m)).sum() for m in (0, 1)]
    expected = log_evidence(x, both).sum() + sum(alone)
    found = SubsetsELBO(subsets=0).loss(model.model, model.guide, *x)
    assert found == pytest.approx(-expected.item(), abs=3e-4)
    # Of data that lack a modality there is no term for it.
    parts = [log_evidence(x, PRESENT).sum()]
    for m in (0, 1):
        some = PRESENT[:, m]
        part = tuple(v[some] for v in x)
        parts.append(log_evidence(part, (torch.arange(2) == m).expand(int(some.sum()), 2)).sum())
    found = SubsetsELBO(subsets=0).loss(model.model, model.guide, *x, PRESENT)
    assert found == pytest.approx(-sum(parts).item(), abs=3e-4)


def test_random_subsets_are_each_a_subset_of_its_datum():
    """One datum: the term is one of the four that it can be, and each of them comes."""
    model, x = exact_model(), tuple(v[:1] for v in views())
    both = torch.ones(1, 2, dtype=torch.bool)
    alone = [log_evidence(x, both & (torch.arange(2) == m)).item() for m in (0, 1)]
    together = log_evidence(x, both).item()
    allowed = torch.tensor([0.0, *alone, together])
    rest = together + sum(alone)
    found = torch.tensor(
        [-SubsetsELBO().loss(model.model, model.guide, *x) - rest for _ in range(60)]
    )
    apart = (found[:, None] - allowed).abs()
    assert (apart.amin(1) < 1e-4).all()
    # Each has a chance of a quarter: none of 60 with 4 (3/4)^60, once in 10 million.
    assert set(apart.argmin(1).tolist()) == {0, 1, 2, 3}


def test_a_mixture_of_experts_is_their_mean():
    left, right = (expert(a, s) for a, s in zip(SLOPES, SCALES, strict=True))
    x, z = views(), torch.randn(6, 1)
    q = MixturePosterior([left, right])(x, PRESENT)
    each = torch.stack([p(v).log_prob(z) for p, v in zip((left, right), x, strict=True)], 1)
    weights = PRESENT.float() / PRESENT.float().sum(1, keepdim=True)
    expected = (each.exp() * weights).sum(1).log()
    torch.testing.assert_close(q.log_prob(z), expected)
    means = torch.stack([p(v).mean[:, 0] for p, v in zip((left, right), x, strict=True)], 1)
    torch.testing.assert_close(q.mean[:, 0], (weights * means).sum(1))
    draws = q.sample((20_000,))
    # Five standard errors of mean and, for tails of fourth moments up to 9, of the variance.
    error = (q.variance / 20_000).sqrt()
    assert ((draws.mean(0) - q.mean).abs() < 5 * error).all()
    assert ((draws.var(0) / q.variance - 1).abs() < 5 * (8 / 20_000) ** 0.5).all()


def test_a_mixture_of_products_has_all_subsets():
    left, right = (expert(a, s) for a, s in zip(SLOPES, SCALES, strict=True))
    x, z = views(), torch.randn(6, 1)
    q = MixtureOfProductsPosterior([left, right])(x, PRESENT)
    log_p = [p(v).log_prob(z) for p, v in zip((left, right), x, strict=True)]
    precisions = [(a / s) ** 2 for a, s in zip(SLOPES, SCALES, strict=True)]
    total = sum(precisions)
    mean = sum(p * v[:, 0] / a for p, v, a in zip(precisions, x, SLOPES, strict=True)) / total
    both = torch.distributions.Normal(mean, total**-0.5).log_prob(z[:, 0])
    found = q.log_prob(z)
    for i, there in enumerate(PRESENT.tolist()):
        parts = [p[i] for p, t in zip(log_p, there, strict=True) if t]
        parts += [both[i]] if all(there) else []
        expected = torch.stack(parts).logsumexp(0) - math.log(len(parts))
        torch.testing.assert_close(found[i], expected)


@pytest.mark.parametrize("kind", [MixturePosterior, MixtureOfProductsPosterior])
def test_gradients_through_a_mixtures_draws_are_those_of_the_expectation(kind):
    """Of E[z] and E[z^2], which are known, by many draws."""
    q = kind([expert(a, s) for a, s in zip(SLOPES, SCALES, strict=True)])
    x = tuple(v[:1] for v in views())
    parameter = q.experts[0].network.layers[0].bias
    for power in (1, 2):
        p = q(x)
        exact = p.mean if power == 1 else p.variance + p.mean.square()
        (expected,) = torch.autograd.grad(exact.sum(), parameter)
        draws = q(x).rsample((40_000,)) ** power
        (found,) = torch.autograd.grad(draws.mean(), parameter)
        assert (found - expected).abs().max() < 0.1 * (1 + expected.abs().max())


@pytest.mark.parametrize("kind", [MixturePosterior, MixtureOfProductsPosterior])
def test_strata_of_one_draw_have_the_value_of_the_elbo_and_of_more_a_tighter_one(kind):
    model = exact_model(kind)
    # Many of each datum in a batch, which takes hardly longer.
    batch = tuple(v.repeat(20, 1) for v in (*views(), PRESENT))
    strata = 2 if kind is MixturePosterior else 3

    def losses(objective, n):
        found = [objective.loss(model.model, model.guide, *batch) for _ in range(n)]
        return torch.tensor(found)

    plain = losses(ELBO(num_particles=6), 30)
    one_each = losses(StratifiedELBO(num_particles=strata), 60)
    error = (plain.var() / len(plain) + one_each.var() / len(one_each)).sqrt()
    assert (plain.mean() - one_each.mean()).abs() < 5 * error
    many = losses(StratifiedELBO(num_particles=strata * 100), 2)
    assert many.mean() < plain.mean() + 5 * error  # a tighter bound


def test_strata_need_particles_for_all():
    model, x = exact_model(MixturePosterior), views()
    with pytest.raises(ValueError, match="a multiple of the 2 components of site 'z'"):
        StratifiedELBO(num_particles=3).loss(model.model, model.guide, *x)


def test_a_component_without_a_share_has_no_part_in_the_bound():
    """Its draws are where the prior has no density."""
    locs = torch.tensor([0.0, 90.0], requires_grad=True)

    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Uniform(-10.0, 10.0, validate_args=False).expand([len(x)]))

    def guide(x):
        q = ExpertMixture([dist.Normal(loc, 1.0) for loc in locs], torch.tensor([1.0, 0.0]))
        with pyro.plate("data", len(x)):
            pyro.sample("z", q.expand([len(x)]))

    loss = StratifiedELBO(num_particles=4).differentiable_loss(model, guide, torch.zeros(3))
    (gradient,) = torch.autograd.grad(loss, locs)
    assert loss.isfinite()
    assert gradient.isfinite().all()
    assert gradient[1] == 0


def test_the_variance_of_a_mixture_far_from_zero():
    parts = [dist.Normal(1e4 + shift, 1e-2) for shift in (-0.5, 0.5)] + [dist.Cauchy(0.0, 1.0)]
    weights = torch.tensor([0.5, 0.5, 0.0])
    # The means, of about 10^4, are rounded to 10^-3.
    found = ExpertMixture(parts, weights).variance.item()
    assert found == pytest.approx(0.25 + 1e-4, abs=2e-3)
