"""The power spherical in single precision, for concentrations from 1e-8 to 1e8."""

import math

import mpmath as mp
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_networks import sizes
from references import PowerSpherical as Reference
from references import beta_draw_slope, exact
from torch.distributions import kl_divergence
from torch.nn.functional import normalize

from pyrovae.distributions import PowerSpherical, SphereUniform

EPS = torch.finfo(torch.float32).eps
DIMS = [2, 3, 5, 20, 129]
dims = st.sampled_from(DIMS)


def axis(dim, dtype=torch.float32):
    return torch.eye(dim, dtype=dtype)[0]


@given(dim=dims, kappa=sizes)
def test_kl_entropy_and_their_slopes(dim, kappa):
    k = torch.tensor(kappa, requires_grad=True)
    kl = kl_divergence(PowerSpherical(axis(dim), k), SphereUniform(axis(dim)))
    expected = lambda a: Reference.log_area(dim) - Reference.entropy(a, dim)
    a = exact(k.detach())
    # Entropies of some 1 nat a dimension, rounded.
    assert abs(kl.item() - expected(a)) <= 4 * EPS * (dim + 1 + abs(expected(a)))
    (slope,) = torch.autograd.grad(kl, k)
    exact_slope = mp.diff(expected, a, h=a * mp.mpf(10) ** -20)
    # Of two terms that are beta / kappa at most, and 1 for small concentrations.
    assert abs(slope.item() - exact_slope) <= 20 * EPS * min(1, dim / a) + 4 * EPS * exact_slope


@given(dim=dims, kappa=sizes)
def test_density_of_draws(dim, kappa):
    torch.manual_seed(2)
    q = PowerSpherical(normalize(torch.randn(dim), dim=-1), torch.tensor(kappa))
    z = q.rsample((6,))
    wide = normalize(z.double(), dim=-1)
    squares = (wide - normalize(q.loc.double(), dim=-1)).square().sum(-1)
    for found, square in zip(q.log_prob(z), squares, strict=True):
        expected = Reference.log_prob(exact(square), exact(q.concentration), dim)
        # The coordinates are rounded to 6e-8, beside distances of sqrt(dim / kappa).
        rounding = 8 * EPS * math.sqrt(kappa * dim) if kappa > 1 else 0
        assert abs(found.item() - expected) <= 8 * EPS * (dim + abs(expected)) + rounding


@given(dim=dims, kappa=sizes)
def test_moments(dim, kappa):
    q = PowerSpherical(axis(dim), torch.tensor(kappa))
    k, beta = exact(q.concentration), mp.mpf(dim - 1) / 2
    mean = k / (k + 2 * beta)
    assert abs(q.mean[0].item() - mean) <= 4 * EPS * mean
    alpha, total = k + beta, k + 2 * beta
    along = 4 * alpha * beta / (total**2 * (total + 1))
    assert abs(q.variance[0].item() - along) <= 8 * EPS * along
    around = (1 - along - mean**2) / (dim - 1)
    assert abs(q.variance[1].item() - around) <= 8 * EPS * around


@pytest.mark.parametrize("kappa", [1e-2, 1.0, 10.0, 90.0, 110.0, 1e3, 1e5, 1e7])
@pytest.mark.parametrize("dim", DIMS)
def test_slope_of_a_draw_at_its_quantile(dim, kappa):
    k = torch.full((3,), kappa, dtype=torch.float64, requires_grad=True)
    q = PowerSpherical(axis(dim, torch.float64).expand(3, dim), k)
    b, rest = q._draw_pair(torch.Size())
    (slopes,) = torch.autograd.grad(rest.sum(), k, retain_graph=True)
    beta = mp.mpf(dim - 1) / 2
    with mp.workdps(40):
        expected = [float(beta_draw_slope(exact(w), kappa + beta, beta)) for w in rest]
    # PyTorch's own, of up to 2e-3, below; Wise's approximation above.
    error = 2e-3 if kappa <= 100 * max(1, (dim - 1) / 2) else 1e-4
    torch.testing.assert_close(slopes, torch.tensor(expected).double(), rtol=error, atol=0)
    (opposite,) = torch.autograd.grad(b.sum(), k)
    torch.testing.assert_close(opposite, -slopes, rtol=1e-9, atol=0)
