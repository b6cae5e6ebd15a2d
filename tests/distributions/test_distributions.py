import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.distributions import constraints

from pyrovae.distributions import GreyBernoulli, Mixture, normal_product


def test_grey_bernoulli_is_the_bernoulli_on_binary_values():
    logits = torch.randn(4, 7)
    x = torch.randint(2, (4, 7)).float()
    expected = dist.Bernoulli(logits=logits).log_prob(x)
    torch.testing.assert_close(GreyBernoulli(logits=logits).log_prob(x), expected)


def test_grey_bernoulli_is_the_cross_entropy_between():
    mean = torch.rand(50).double() * 0.98 + 0.01
    x = torch.rand(50).double()
    expected = x * mean.log() + (1 - x) * (1 - mean).log()
    torch.testing.assert_close(GreyBernoulli(mean).log_prob(x), expected)


@pytest.mark.parametrize("x", [-0.1, 1.1, float("nan")])
def test_grey_bernoulli_refuses_values_outside_the_unit_interval(x):
    p = GreyBernoulli(torch.tensor([0.3]), validate_args=True)
    with pytest.raises(ValueError, match="support"):
        p.log_prob(torch.tensor([x]))


def test_grey_bernoulli_tells_its_supports():
    p = GreyBernoulli(torch.tensor(0.3))
    x = torch.tensor([0.0, 0.5, 1.0])
    assert p.support.check(x).tolist() == [True, True, True]
    assert p.normalized_support.check(x).tolist() == [True, False, True]


def test_grey_bernoulli_stays_itself_when_expanded():
    p = GreyBernoulli(torch.tensor([0.3, 0.4])).expand([5, 2])
    assert isinstance(p, GreyBernoulli)
    assert p.batch_shape == (5, 2)
    assert p.log_prob(torch.full((5, 2), 0.5)).shape == (5, 2)


def test_grey_bernoulli_draws_binary_values():
    draws = GreyBernoulli(torch.tensor(0.3)).sample((20_000,))
    assert set(draws.tolist()) == {0.0, 1.0}
    # Standard error sqrt(0.3 * 0.7 / 20000) = 0.0032; four of them.
    assert draws.mean().item() == pytest.approx(0.3, abs=0.013)


def test_grey_bernoulli_cannot_be_enumerated():
    p = GreyBernoulli(torch.tensor(0.3))
    assert not p.has_enumerate_support
    with pytest.raises(NotImplementedError, match="unit interval"):
        p.enumerate_support()


def mixture():
    weights = dist.Categorical(torch.tensor([0.2, 0.5, 0.3]).double())
    loc, scale = torch.tensor([-3.0, 0.0, 2.0]).double(), torch.tensor([0.5, 1.0, 0.2]).double()
    return Mixture(weights, dist.Normal(loc, scale))


def test_mixture_integrates_to_one():
    z = torch.linspace(-12, 12, 20_001).double()
    # The trapezoidal rule on a smooth density that vanishes at both ends: error far below 1e-9.
    total = torch.trapezoid(mixture().log_prob(z).exp(), z)
    assert total.item() == pytest.approx(1.0, abs=1e-9)


def test_mixture_density_by_hand():
    z = torch.tensor(0.7).double()
    normal = [
        torch.exp(-0.5 * ((z - m) / s) ** 2) / (s * (2 * torch.pi) ** 0.5)
        for m, s in [(-3.0, 0.5), (0.0, 1.0), (2.0, 0.2)]
    ]
    expected = (0.2 * normal[0] + 0.5 * normal[1] + 0.3 * normal[2]).log()
    torch.testing.assert_close(mixture().log_prob(z), expected)


def test_mixture_reports_its_components_support():
    assert mixture().support is constraints.real
    vector = Mixture(
        dist.Categorical(torch.ones(2)), dist.Normal(torch.zeros(2, 3), 1.0).to_event(1)
    )
    assert vector.support.event_dim == 1
    assert vector.support.check(torch.randn(5, 3)).shape == (5,)
    # What samplers ask for: Pyro's own mixture raises here.
    transform = torch.distributions.transform_to(vector.support)
    z = torch.randn(5, 3)
    assert torch.equal(transform(z), z)
    own = dist.MixtureSameFamily(vector.mixture_distribution, vector.component_distribution)
    with pytest.raises(NotImplementedError):
        torch.distributions.transform_to(own.support)


def test_mixture_stays_itself_in_a_plate():
    def program():
        with pyro.plate("data", 5):
            return pyro.sample("z", mixture())

    fn = poutine.trace(program).get_trace().nodes["z"]["fn"]
    assert isinstance(fn, Mixture)
    assert fn.batch_shape == (5,)
    assert fn.support is constraints.real


@pytest.mark.parametrize("family", ["full", "low-rank"])
def test_kl_of_a_correlated_normal_from_a_diagonal_one(family):
    torch.manual_seed(0)
    factor, scale = torch.randn(2, 3, 2).double(), torch.rand(2, 3).double() + 0.5
    loc = torch.randn(2, 3).double()
    q = dist.LowRankMultivariateNormal(loc, factor, scale)
    if family == "full":
        q = dist.MultivariateNormal(loc, q.covariance_matrix)
    p_loc, p_scale = torch.randn(3).double(), torch.rand(3).double() + 0.5
    p = dist.Normal(p_loc, p_scale).to_event(1)
    found = torch.distributions.kl_divergence(q, p)
    # The textbook formula, with the covariance written out.
    s, precision = q.covariance_matrix, torch.diag(p_scale**-2)
    difference = p_loc - loc
    trace = (precision @ s).diagonal(dim1=-2, dim2=-1).sum(-1)
    distance = (difference @ precision * difference).sum(-1)
    logs = 2 * p_scale.log().sum() - s.logdet()
    torch.testing.assert_close(found, 0.5 * (trace + distance - 3 + logs))
    with pytest.raises(NotImplementedError):
        torch.distributions.kl_divergence(q, dist.Laplace(p_loc, p_scale).to_event(1))


def test_normal_product_is_proportional_to_the_product_of_densities():
    p, q = (dist.Normal(torch.randn(3, 2), torch.rand(3, 2) + 0.3).to_event(1) for _ in range(2))
    x = torch.randn(50, 3, 2)
    ratio = normal_product(p, q).log_prob(x) - p.log_prob(x) - q.log_prob(x)
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="expected independent normals.* got MultivariateNormal"):
        normal_product(p, dist.MultivariateNormal(torch.zeros(2), torch.eye(2)))
