"""The power spherical posterior and the uniform sphere: densities, draws, gradients, KL."""

import math

import pytest
import torch
from scipy import stats
from torch.distributions import kl_divergence
from torch.nn.functional import normalize

from pyrovae import VAE
from pyrovae.distributions import PowerSpherical, SphereUniform
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, AnalyticKLELBO
from pyrovae.posteriors import PowerSphericalPosterior
from pyrovae.priors import UniformSpherePrior

DIMS = [2, 3, 5, 20]


def make(dim, concentration):
    loc = normalize(torch.randn(dim, dtype=torch.float64), dim=-1)
    return PowerSpherical(loc, torch.tensor(concentration, dtype=torch.float64))


def log_area(dim):
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)


def across(mu):
    """A unit vector that is orthogonal to mu."""
    v = torch.randn_like(mu)
    return normalize(v - (v @ mu) * mu, dim=-1)


@pytest.mark.parametrize("concentration", [0.3, 4.0, 60.0])
@pytest.mark.parametrize("dim", DIMS)
def test_density_integrates_over_the_sphere(dim, concentration):
    # Points at angle a from the mean direction make a sphere of radius sin(a), one dimension
    # less; its area is exact, so one integral over the angle remains.
    p = make(dim, concentration)
    n = 5_001
    angle = (torch.arange(n, dtype=torch.float64) + 0.5) * math.pi / n
    side = across(p.loc)
    z = angle.cos()[:, None] * p.loc + angle.sin()[:, None] * side
    for q in (p, SphereUniform(p.loc)):
        log_ring = log_area(dim - 1) + (dim - 2) * angle.sin().log()
        total = (q.log_prob(z) + log_ring).exp().sum() * math.pi / n
        assert abs(total.item() - 1) < 1e-5


@pytest.mark.parametrize("concentration", [0.3, 4.0, 60.0])
@pytest.mark.parametrize("dim", DIMS)
def test_draws_match_the_density(dim, concentration):
    p = make(dim, concentration)
    n = 20_000
    z = p.sample((n,))
    assert ((z.norm(dim=-1) - 1).abs() < 1e-12).all()
    # The cosine, by Kolmogorov and Smirnov; a p-value below 1e-4 has that chance if all is right,
    # and the seed is fixed.
    beta = (dim - 1) / 2
    cosine = z @ p.loc
    assert (
        stats.kstest((cosine.numpy() + 1) / 2, stats.beta(beta + concentration, beta).cdf).pvalue
        > 1e-4
    )
    # And symmetry around the mean direction: first and second moments, within 5 standard errors.
    error = 1 / math.sqrt(n)
    torch.testing.assert_close(z.mean(0), p.mean, rtol=0, atol=5 * error)
    t2 = second_moment(torch.tensor(concentration).double(), dim)
    outer = torch.outer(p.loc, p.loc)
    expected = t2 * outer + (1 - t2) / (dim - 1) * (torch.eye(dim).double() - outer)
    torch.testing.assert_close(z.mT @ z / n, expected, rtol=0, atol=5 * error)


def second_moment(concentration, dim):
    """E[(mu z)^2] = E[(2 b - 1)^2], b a beta variable."""
    beta = (dim - 1) / 2
    alpha = beta + concentration
    mean = alpha / (alpha + beta)
    var = alpha * beta / ((alpha + beta) ** 2 * (alpha + beta + 1))
    return 4 * var + (2 * mean - 1) ** 2


@pytest.mark.parametrize("concentration", [0.5, 5.0, 80.0])
@pytest.mark.parametrize("dim", DIMS)
def test_gradients_of_draws_are_those_of_the_expectation(dim, concentration):
    # E[a z + z A z] is known, and so is its gradient with respect to the network's outputs: the
    # direction before it is normalised, and the concentration.
    a = torch.randn(dim, dtype=torch.float64)
    A = torch.randn(dim, dim, dtype=torch.float64)
    A = A + A.mT
    raw = torch.randn(dim, dtype=torch.float64)
    k = torch.tensor(concentration, dtype=torch.float64)

    def exact(raw, k):
        mu = normalize(raw, dim=-1)
        beta = (dim - 1) / 2
        t1, t2 = k / (k + 2 * beta), second_moment(k, dim)
        bilinear = mu @ A @ mu
        return t1 * (a @ mu) + t2 * bilinear + (1 - t2) / (dim - 1) * (A.trace() - bilinear)

    expected = torch.cat(
        [g.reshape(-1) for g in torch.autograd.functional.jacobian(exact, (raw, k))]
    )
    # Each row its own copy of the parameters: one backward pass gives the gradient of each draw.
    n = 60_000
    raws = raw.expand(n, dim).clone().requires_grad_()
    ks = k.expand(n).clone().requires_grad_()
    z = PowerSpherical(normalize(raws, dim=-1), ks).rsample()
    f = z @ a + ((z @ A) * z).sum(-1)
    each = torch.cat(
        [
            torch.autograd.grad(f.sum(), (raws, ks), retain_graph=True)[0],
            torch.autograd.grad(f.sum(), ks)[0][:, None],
        ],
        dim=-1,
    )
    error = each.std(0) / math.sqrt(n)
    # 5 standard errors for up to 21 numbers; and PyTorch's gradient of a beta's draw is an
    # approximation, of a relative error of about 1e-3 at most (seen 1.2e-3 for single draws).
    assert ((each.mean(0) - expected).abs() < 5 * error + 2e-3 * expected.abs()).all()
    # The test sees an error of a fraction of the gradient's size, or of the direction's effect
    # where that is nearly none.
    assert error.norm() < 0.12 * expected.norm() + 0.02


@pytest.mark.parametrize("dim", DIMS)
def test_gradients_agree_with_numerical_ones(dim):
    # The same noise at neighbouring parameters: for a draw that is a smooth function of the
    # parameters, differences of draws are the gradient. The beta's own noise cannot be held, so
    # this is for the direction, which the reflection carries.
    raw = torch.randn(dim, dtype=torch.float64)
    k = torch.tensor(3.0, dtype=torch.float64)

    def draw(raw):
        torch.manual_seed(7)
        return PowerSpherical(normalize(raw, dim=-1), k).rsample((50,))

    assert torch.autograd.gradcheck(draw, (raw.requires_grad_(),), eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("dim", DIMS)
def test_densities_gradients_are_numerical_ones(dim):
    u = SphereUniform(torch.zeros(dim).double())
    z = make(dim, 1.0).sample((6,))
    raw = torch.randn(dim, dtype=torch.float64, requires_grad=True)
    k = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)

    def all_of_it(raw, k):
        p = PowerSpherical(normalize(raw, dim=-1), k)
        return p.log_prob(z), p.entropy(), kl_divergence(p, u), p.mean

    assert torch.autograd.gradcheck(all_of_it, (raw, k))


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("concentration", [0.3, 7.0])
def test_kl_and_entropy_in_closed_form(dim, concentration):
    p, u = make(dim, concentration), SphereUniform(torch.zeros(dim).double())
    n = 40_000
    z = p.sample((n,))
    log_ratio = p.log_prob(z) - u.log_prob(z)
    error = log_ratio.std().item() / math.sqrt(n)
    assert abs(kl_divergence(p, u).item() - log_ratio.mean().item()) < 5 * error
    assert abs(p.entropy().item() + p.log_prob(z).mean().item()) < 5 * error
    assert u.entropy().item() == pytest.approx(log_area(dim))
    assert kl_divergence(u, u).item() == 0


def test_kl_vanishes_with_the_concentration_and_grows_with_it():
    u = SphereUniform(torch.zeros(5).double())
    kls = [kl_divergence(make(5, k), u).item() for k in (1e-6, 0.1, 1.0, 10.0, 100.0)]
    assert kls[0] == pytest.approx(0, abs=1e-9)
    assert kls == sorted(kls)


@pytest.mark.parametrize("concentration", [1e-6, 1e4, 1e7])
@pytest.mark.parametrize("dim", DIMS)
def test_extreme_concentrations_stay_finite_in_float32(dim, concentration):
    raw = torch.randn(200, dim, requires_grad=True)
    k = torch.full((200,), concentration, requires_grad=True)
    p = PowerSpherical(normalize(raw, dim=-1), k)
    z = p.rsample()
    assert ((z.norm(dim=-1) - 1).abs() < 1e-6).all()
    (p.log_prob(z).sum() + z.square().sum() + z.sum()).backward()
    assert raw.grad.isfinite().all()
    assert k.grad.isfinite().all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("dim", DIMS)
def test_mean_direction_along_the_first_axis(dim, sign):
    # A reflection that takes an axis to itself has no mirror; both axes must work.
    raw = torch.zeros(4000, dim)
    raw[:, 0] = sign
    raw.requires_grad_()
    z = PowerSpherical(normalize(raw, dim=-1), torch.tensor(50.0)).rsample()
    assert (z[:, 0] * sign).mean() > 0.5
    z.sum().backward()
    assert raw.grad.isfinite().all()


def test_uniform_draws():
    u = SphereUniform(torch.zeros(4).double())
    n = 20_000
    z = u.sample((n,))
    torch.testing.assert_close(z.mean(0), u.mean, rtol=0, atol=5 / math.sqrt(n))
    second = z.mT @ z / n
    torch.testing.assert_close(second, torch.diag(u.variance), rtol=0, atol=5 / math.sqrt(n))


def test_values_off_the_sphere_are_refused():
    for p in (make(3, 1.0), SphereUniform(torch.zeros(3).double())):
        with pytest.raises(ValueError, match="support"):
            p.log_prob(torch.full((3,), 0.9).double())


def test_expanding_keeps_the_density():
    p = make(4, 2.0)
    z = p.sample((3, 2))
    assert torch.equal(p.expand((3, 2)).log_prob(z), p.log_prob(z))
    assert p.expand((3, 2)).sample((5,)).shape == (5, 3, 2, 4)
    u = SphereUniform(torch.zeros(4)).expand((3, 2))
    assert u.log_prob(u.sample((5,))).shape == (5, 3, 2)


def vae():
    posterior = PowerSphericalPosterior(MLP(6, [5], 5))
    return VAE(UniformSpherePrior(4), posterior, BernoulliLikelihood(MLP(4, [], 6)))


def test_encoding_gives_the_mean_direction():
    model = vae()
    x = torch.rand(5, 6)
    z = model.encode(x)
    torch.testing.assert_close(z, model.posterior(x).loc)
    torch.testing.assert_close(z.norm(dim=-1), torch.ones(5))


def test_analytic_bound_is_the_monte_carlo_bounds_mean():
    model = vae()
    x = torch.rand(3, 6).round()
    n = 20_000
    analytic = AnalyticKLELBO(num_particles=n).loss(model.model, model.guide, x)
    # Log-weights of 3 data vary by less than 3 nats, so their mean by less than 3 / sqrt(n).
    assert abs(analytic - ELBO(num_particles=n).loss(model.model, model.guide, x)) < 10 / n**0.5


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (
            lambda: UniformSpherePrior(1),
            "latent_features: expected at least 2 for a sphere, got 1",
        ),
        (
            lambda: PowerSphericalPosterior(MLP(4, [], 2)),
            "expected at least 2 for a sphere, got 1",
        ),
        (lambda: SphereUniform(torch.zeros(1)), "SphereUniform: a sphere expects .* got 1"),
        (
            lambda: PowerSpherical(torch.ones(1), torch.tensor(1.0)),
            "PowerSpherical: a sphere expects .* got 1",
        ),
    ],
)
def test_wrong_arguments_are_named(make_it, message):
    with pytest.raises(ValueError, match=message):
        make_it()
