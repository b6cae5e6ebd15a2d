"""The hyperbolic secant's functions, one against the other."""

import math

import pytest
import torch

from pyrovae.distributions import HyperbolicSecant

DOUBLE = torch.float64


def secant(loc=-0.5, scale=0.7):
    return HyperbolicSecant(
        torch.tensor(loc, dtype=DOUBLE, requires_grad=True),
        torch.tensor(scale, dtype=DOUBLE, requires_grad=True),
    )


def test_entropy_and_moments_are_those_of_the_density():
    p = secant()
    # Beyond 40 scales there is e^-40; the midpoint rule of a smooth function is right to rounding.
    n, reach = 20_000, 40 * 0.7
    x = -0.5 + reach * ((torch.arange(n, dtype=DOUBLE) + 0.5) * 2 / n - 1)
    log_p = p.log_prob(x).detach()
    mass = log_p.exp() * 2 * reach / n
    assert mass.sum().item() == pytest.approx(1, abs=1e-12)
    assert (mass * x).sum().item() == pytest.approx(p.mean.item(), abs=1e-12)
    assert (mass * (x + 0.5) ** 2).sum().item() == pytest.approx(p.variance.item(), abs=1e-12)
    assert p.stddev.item() ** 2 == pytest.approx(p.variance.item(), rel=1e-12)
    assert -(mass * log_p).sum().item() == pytest.approx(p.entropy().item(), abs=1e-12)
    assert p.mode.item() == pytest.approx(x[log_p.argmax()].item(), abs=2 * reach / n)


def test_the_cdf_is_the_integral_of_the_density():
    p = secant()
    x = torch.linspace(-20, 20, 41, dtype=DOUBLE, requires_grad=True)
    (slope,) = torch.autograd.grad(p.cdf(x).sum(), x)
    # Of the upper tail one less it is left, to 1e-16.
    torch.testing.assert_close(slope, p.log_prob(x).exp())
    assert p.cdf(torch.tensor([-1e3, -0.5, 1e3], dtype=DOUBLE)).tolist() == [0, 0.5, 1]


def test_quantiles_are_the_cdfs_inverse():
    p = secant()
    u = torch.tensor([1e-12, 1e-3, 0.25, 0.5, 0.75, 1 - 1e-3], dtype=DOUBLE)
    torch.testing.assert_close(p.cdf(p.icdf(u)), u, rtol=1e-10, atol=0)
    assert p.icdf(torch.tensor([0.0, 1.0], dtype=DOUBLE)).tolist() == [-math.inf, math.inf]


def test_draws_follow_their_parameters():
    torch.manual_seed(0)
    p = secant()
    x = p.rsample((3,))
    slopes = torch.autograd.grad(x.sum(), (p.loc, p.scale))
    # x = loc + scale r, of an r that knows neither.
    assert slopes[0].item() == pytest.approx(3)
    assert slopes[1].item() == pytest.approx(((x - p.loc) / p.scale).sum().item())


def test_it_is_the_logarithm_of_a_cauchy_variables_size():
    p = HyperbolicSecant(0.0, 1.0)
    torch.manual_seed(0)
    draws = torch.distributions.Cauchy(0.0, 1.0).sample((20_000,)).abs().log().sort().values
    empirical = (torch.arange(len(draws)) + 0.5) / len(draws)
    # Kolmogorov and Smirnov: 2.23 / sqrt(n) = 0.0158 is exceeded once in 10,000 times.
    assert (p.cdf(draws) - empirical).abs().max().item() < 0.0158


def test_half_the_square_near_and_the_size_far():
    p = HyperbolicSecant(torch.zeros((), dtype=DOUBLE), 1.0)
    top = p.log_prob(torch.zeros((), dtype=DOUBLE))
    near, far = torch.tensor(1e-3, dtype=DOUBLE), torch.tensor(1e3, dtype=DOUBLE)
    assert (top - p.log_prob(near)).item() == pytest.approx(0.5e-6, rel=1e-6)
    assert (top - p.log_prob(far)).item() == pytest.approx(1e3 - math.log(2), rel=1e-12)


def test_wrong_scales_and_batches():
    with pytest.raises(ValueError, match="scale"):
        HyperbolicSecant(0.0, -1.0, validate_args=True)
    p = HyperbolicSecant(torch.zeros(3), torch.ones(3)).expand((2, 3))
    assert p.sample((4,)).shape == (4, 2, 3)
    assert p.log_prob(torch.zeros(3)).shape == (2, 3)
