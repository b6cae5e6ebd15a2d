"""Angles: density, draws and their gradients, and the KL divergence, against integrals."""

import math

import mpmath as mp
import pytest
import torch
from torch import distributions as torchs
from torch.distributions import kl_divergence

from pyrovae.distributions import VonMises
from pyrovae.distributions.von_mises import _slope

DOUBLE = torch.float64
CONCENTRATIONS = [0.0, 0.3, 2.0, 50.0, 1e4]


def circle(n=20_001):
    return (torch.arange(n, dtype=DOUBLE) + 0.5) / n * 2 * math.pi - math.pi, 2 * math.pi / n


@pytest.mark.parametrize("concentration", CONCENTRATIONS)
def test_density_entropy_and_draws(concentration):
    p = VonMises(torch.tensor(2.5, dtype=DOUBLE), torch.tensor(concentration, dtype=DOUBLE))
    z, step = circle()
    log_p = p.log_prob(z)
    mass = log_p.exp() * step
    # Midpoints of a smooth periodic function are right to rounding.
    assert mass.sum().item() == pytest.approx(1, abs=1e-10)
    assert -(mass @ log_p).item() == pytest.approx(p.entropy().item(), abs=1e-9)
    cosine = (z - 2.5).cos()
    assert 1 - (mass @ cosine).item() == pytest.approx(p.circular_variance.item(), abs=1e-10)
    draws = p.sample((20_000,))
    assert ((draws >= -math.pi) & (draws < math.pi)).all()
    ordered = draws.sort().values
    empirical = torch.searchsorted(ordered, z) / len(draws)
    # Kolmogorov and Smirnov: 2.23 / sqrt(n) = 0.0158 is exceeded once in 10,000 times.
    assert (mass.cumsum(0) - empirical).abs().max().item() < 0.0158


@pytest.mark.parametrize("concentration", [0.3, 2.0, 50.0])
def test_it_is_pytorchs(concentration):
    p, q = (f(torch.tensor(0.7), torch.tensor(concentration)) for f in (VonMises, torchs.VonMises))
    x = torch.linspace(-3, 3, 20)
    # PyTorch's Bessel functions are polynomials of some seven digits.
    torch.testing.assert_close(p.log_prob(x), q.log_prob(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(p.mean, q.mean)


@pytest.mark.parametrize("concentration", [0.0, 0.125, 1.0, 8.0, 1024.0])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 2.5])
def test_draws_move_with_the_concentration_as_their_quantile_does(concentration, share):
    z = min(share / max(1.0, concentration**0.5), 3.1)
    found = _slope(torch.tensor([z], dtype=DOUBLE), torch.tensor([concentration], dtype=DOUBLE))

    def density(t, k):
        return mp.exp(k * (mp.cos(t) - 1))

    def below(k, z):
        width = min(mp.pi, 4 / mp.sqrt(max(k, 1)))
        return mp.quad(lambda t: density(t, k), [0, z]) / mp.quad(
            lambda t: density(t, k), [0, width, min(mp.pi, 3 * width), mp.pi]
        )

    with mp.workdps(30):
        k, x = mp.mpf(concentration), mp.mpf(z)
        h = (1 + k) * mp.mpf(10) ** -8
        per_k = (below(k + h, x) - below(max(k - h, 0), x)) / (h if k < h else 2 * h)
        per_z = density(x, k) / (
            density(x, k)
            and mp.quad(
                lambda t: density(t, k),
                [
                    0,
                    min(mp.pi, 4 / mp.sqrt(max(k, 1))),
                    min(mp.pi, 12 / mp.sqrt(max(k, 1))),
                    mp.pi,
                ],
            )
        )
        expected = -per_k / per_z
        # Of one-sided differences at zero eight digits are left.
        assert abs(found.item() - expected) < 1e-6 * abs(expected)
    mirrored = _slope(
        torch.tensor([-z], dtype=DOUBLE), torch.tensor([concentration], dtype=DOUBLE)
    )
    assert mirrored.item() == -found.item()


def test_gradients_of_draws_are_those_of_the_expectation():
    """E[cos z] about zero is I1 / I0, whose slope is known."""
    k = torch.full((40_000,), 1.5, dtype=DOUBLE, requires_grad=True)
    loc = torch.zeros_like(k, requires_grad=True)
    torch.manual_seed(0)
    z = VonMises(loc, k).rsample()
    (each,) = torch.autograd.grad(z.cos().sum(), k, retain_graph=True)
    a = torch.special.i1e(k[0]) / torch.special.i0e(k[0])
    expected = 1 - a / k[0] - a * a
    assert abs(each.mean() - expected) < 5 * each.std() / len(each) ** 0.5
    (by_loc,) = torch.autograd.grad(z.sum(), loc)
    assert torch.equal(by_loc, torch.ones_like(by_loc))


@pytest.mark.parametrize("a", CONCENTRATIONS)
@pytest.mark.parametrize("b", [0.0, 1.0, 300.0])
def test_the_kl_divergence_is_the_integral(a, b):
    z, step = circle(200_001)
    q = VonMises(torch.tensor(-3.0, dtype=DOUBLE), torch.tensor(a, dtype=DOUBLE))
    p = VonMises(torch.tensor(2.0, dtype=DOUBLE), torch.tensor(b, dtype=DOUBLE))
    log_q = q.log_prob(z)
    expected = (log_q.exp() * (log_q - p.log_prob(z))).sum().item() * step
    found = kl_divergence(q, p).item()
    assert found == pytest.approx(expected, rel=1e-8, abs=1e-9)


def test_an_angle_has_no_variance():
    p = VonMises(torch.zeros(3), torch.ones(3)).expand((2, 3))
    assert p.sample((4,)).shape == (4, 2, 3)
    with pytest.raises(NotImplementedError, match="circular_variance"):
        _ = p.variance


@pytest.mark.parametrize("concentration", [1e-6, 1.0, 1e3, 1e6])
def test_single_precision_is_double_precision_of_the_same_numbers(concentration):
    p = VonMises(torch.tensor(0.5), torch.tensor(concentration))
    wide = VonMises(p.loc.double(), p.concentration.double())
    z = p.sample((100,))
    # A draw is rounded to 3e-8, in units of a standard deviation of 1e-3 at least.
    torch.testing.assert_close(p.log_prob(z), wide.log_prob(z.double()).float(), rtol=0, atol=1e-3)
    q = VonMises(p.loc + 0.1 / (1 + concentration) ** 0.5, p.concentration)
    torch.testing.assert_close(
        kl_divergence(p, q),
        kl_divergence(wide, VonMises(q.loc.double(), q.concentration.double())).float(),
        rtol=1e-3,
        atol=1e-6,
    )
