"""The gamma distribution over its whole range, against a hundred digits."""

import mpmath as mp
import pytest
import torch
from torch import distributions as torchs
from torch.distributions import kl_divergence

from pyrovae.distributions import Gamma

SHAPES = [0.125, 0.5, 1.0, 7.5, 1024.0, 2.0**20]
EPS = torch.finfo(torch.float32).eps


def reference(z, a, b):
    z, a, b = (mp.mpf(v.item()) for v in (z, a, b))
    return a * mp.log(b) - mp.loggamma(a) + (a - 1) * mp.log(z) - b * z


@pytest.mark.parametrize("a", SHAPES)
@pytest.mark.parametrize("rate", [0.001, 1.0, 1e4])
def test_the_density_keeps_its_digits(a, rate):
    a, rate = torch.tensor(a), torch.tensor(rate)
    p = Gamma(a, rate)
    for share in (0.5, 0.999, 1.0, 1.001, 2.0):
        z = share * a / rate
        expected = reference(z, a, rate)
        scale = 1 + abs(expected) + abs(mp.log(z.item())) + abs(mp.log(a.item()))
        # Of z rounded to half of EPS the exponent a (share - 1) moves as much.
        rounding = a.item() * abs(share - 1) + 2
        assert abs(p.log_prob(z).item() - expected) < EPS * (12 * scale + 4 * rounding)


@pytest.mark.parametrize("a", SHAPES)
@pytest.mark.parametrize("c", [0.125, 2.0, 2.0**20])
def test_the_kl_divergence_is_the_formula(a, c):
    q, p = (Gamma(torch.tensor(v), torch.tensor(r)) for v, r in ((a, 3.0), (c, 0.5)))
    a, b, c, d = mp.mpf(a), mp.mpf(3), mp.mpf(c), mp.mpf(0.5)
    expected = (
        (a - c) * mp.digamma(a) - mp.loggamma(a) + mp.loggamma(c) + c * mp.log(b / d)
        + a * (d - b) / b
    )  # fmt: skip
    assert abs(kl_divergence(q, p).item() - expected) < 1e-5 * (1 + abs(expected))
    assert kl_divergence(q, q).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("a", [0.1, 0.5, 3.0, 1e4])
def test_draws_come_from_it_and_carry_gradients(a):
    torch.manual_seed(0)
    n = 20_000
    shape = torch.full((n,), a, dtype=torch.float64, requires_grad=True)
    rate = torch.full((n,), 2.0, dtype=torch.float64, requires_grad=True)
    z = Gamma(shape, rate).rsample()
    assert (z > 0).all()
    # The means of z, and of its logarithm, are known, and so are their slopes.
    for f, slope in ((z, 0.5), (z.log(), torch.special.polygamma(1, shape[:1]).item())):
        (each,) = torch.autograd.grad(f.sum(), shape, retain_graph=True)
        assert abs(each.mean().item() - slope) < 5 * each.std().item() / n**0.5 + 1e-3 * slope
    assert abs(z.mean().item() - a / 2) < 5 * (a / 4 / n) ** 0.5
    (by_rate,) = torch.autograd.grad(z.sum(), rate)
    torch.testing.assert_close(by_rate, (-z / rate).detach())
    # In single precision the smallest are at the end of what there is, and none is zero.
    small = Gamma(torch.full((n,), a), torch.tensor(2.0)).sample()
    assert (small > 0).all()
    assert small.isfinite().all()


def test_it_is_pytorchs():
    a, b = 0.5 + torch.rand(2, 20).double()
    z = torch.rand(20).double()
    torch.testing.assert_close(Gamma(a, b).log_prob(z), torchs.Gamma(a, b).log_prob(z))
    p, q = Gamma(a, b), Gamma(b, a)
    expected = kl_divergence(torchs.Gamma(a, b), torchs.Gamma(b, a))
    torch.testing.assert_close(kl_divergence(p, q), expected)
    assert p.expand((3, 20)).sample((2,)).shape == (2, 3, 20)
