"""The maximum mean discrepancy between aggregate posterior and prior."""

import math

import linear_gaussian
import pyro.distributions as dist
import pytest
import torch
from programs import normal_vae
from torch import Size
from torch.distributions import kl_divergence

from pyrovae import VAE
from pyrovae.objectives import MMDELBO
from pyrovae.objectives.mmd import maximum_mean_discrepancy
from pyrovae.priors import Prior


def rbf_in_closed_form(delta, s, t, h):
    """MMD^2 of N(0, s^2 I) and N(delta, t^2 I): expectations of a normal density's shape."""

    def expected(variance, shift):
        d = len(shift)
        return (h**2 / (h**2 + variance)) ** (d / 2) * (
            -shift.square().sum() / (2 * (h**2 + variance))
        ).exp()

    zero = torch.zeros_like(delta)
    return expected(2 * s**2, zero) + expected(2 * t**2, zero) - 2 * expected(s**2 + t**2, delta)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_discrepancy_against_the_closed_form(shift):
    delta = torch.tensor([shift, -shift, 0.0]).double()
    s, t, h = 1.0, 1.0 if shift == 0 else 1.4, 1.2
    x = s * torch.randn(2000, 20, 3).double()
    y = delta + t * torch.randn(2000, 30, 3).double()
    found = maximum_mean_discrepancy(x, y, kernel="rbf", bandwidth=h)
    exact = rbf_in_closed_form(delta, s, t, h).item()
    error = found.std().item() / 2000**0.5
    # Four standard errors.
    assert found.mean().item() == pytest.approx(exact, abs=4 * error)
    assert (exact == 0) if shift == 0 else (exact > 50 * error)


def test_discrepancy_of_equal_distributions_is_zero_in_expectation_under_the_other_kernel_too():
    x, y = torch.randn(2, 2000, 10, 3).double()
    found = maximum_mean_discrepancy(x, y, kernel="imq", bandwidth=2.0)
    assert abs(found.mean()) < 4 * found.std() / 2000**0.5
    apart = maximum_mean_discrepancy(x, y + 1, kernel="imq", bandwidth=2.0)
    assert apart.mean() > 50 * apart.std() / 2000**0.5


@pytest.mark.parametrize("kernel", ["rbf", "imq"])
def test_discrepancy_by_hand(kernel):
    x, y = torch.randn(4, 2).double(), torch.randn(5, 2).double()

    def k(a, b):
        square = (a - b).square().sum().item()
        return math.exp(-square / 4.5) if kernel == "rbf" else 4.5 / (4.5 + square)

    own = [
        sum(k(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j)
        / (len(z) * (len(z) - 1))
        for z in (x, y)
    ]
    cross = sum(k(a, b) for a in x for b in y) / 20
    found = maximum_mean_discrepancy(x, y, kernel=kernel, bandwidth=1.5)
    assert found.item() == pytest.approx(sum(own) - 2 * cross, rel=1e-10)


@pytest.mark.parametrize("kl_weight", [0.0, 0.4])
@pytest.mark.parametrize("num_particles", [1, 3])
def test_mmd_objective_by_hand(num_particles, kl_weight):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    torch.manual_seed(1)
    q = vae.posterior(x)
    z = q.rsample((num_particles,))
    prior = vae.prior().expand([num_particles, 6]).sample()
    kl = kl_divergence(q.base_dist, vae.prior().base_dist).sum()
    mmd = maximum_mean_discrepancy(z, prior, kernel="imq", bandwidth=2**0.5).mean()
    reconstruction = vae.likelihood(z).log_prob(x).sum() / num_particles
    expected = -(reconstruction - kl_weight * kl - 6 * 50.0 * mmd)
    gradients = torch.autograd.grad(expected, list(vae.parameters()))
    torch.manual_seed(1)
    objective = MMDELBO(mmd_weight=50.0, kl_weight=kl_weight, num_particles=num_particles)
    loss = objective.loss_and_grads(vae.model, vae.guide, x)
    torch.testing.assert_close(loss, expected.detach())
    for parameter, gradient in zip(vae.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


class FixedMixture(Prior):
    """Draws without a gradient, and nothing to learn."""

    latent_shape = Size([3])

    def forward(self):
        components = dist.Normal(torch.tensor([[-1.0] * 3, [1.0] * 3]), 0.5).to_event(1)
        return dist.MixtureSameFamily(dist.Categorical(torch.ones(2)), components)


def test_mmd_takes_a_fixed_prior_whose_draws_have_no_gradient():
    torch.manual_seed(0)
    model, _, x = normal_vae()
    vae = model.__self__
    vae = VAE(FixedMixture(), vae.posterior, vae.likelihood)
    MMDELBO().loss_and_grads(vae.model, vae.guide, x)
    assert all(p.grad.any() for p in vae.posterior.parameters())
