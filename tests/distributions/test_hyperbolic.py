"""Wrapped and Riemannian normals in the ball, against integrals in one and two dimensions."""

import math
from functools import cache

import mpmath as mp
import pytest
import torch
from torch.distributions import biject_to

from pyrovae.distributions import RiemannianNormal, WrappedNormal
from pyrovae.distributions.ball import UNIT_BALL, distance, exponential, logarithm, translate
from pyrovae.distributions.rejection import PROPOSALS
from pyrovae.distributions.riemannian_normal import _log_integral, _radius

DOUBLE = torch.float64
POINTS = {1: [[0.0], [0.6]], 2: [[0.0, 0.0], [0.5, -0.3]]}


def tensor(*numbers):
    return torch.tensor(numbers, dtype=DOUBLE)


def made(family, loc, scale):
    loc = tensor(*loc)
    if family is WrappedNormal:  # another scale in each direction
        return WrappedNormal(loc, scale * torch.linspace(1, 0.5, len(loc)).double())
    return RiemannianNormal(loc, tensor(scale)[0])


def on_lattice(p, dim):
    """Points all over the ball, by a lattice of the tangent space of its centre, and their mass."""
    reach, n = 13.0, 2000 if dim == 1 else 500
    axis = ((torch.arange(n).double() + 0.5) / n * 2 - 1) * reach
    u = torch.cartesian_prod(*[axis] * dim).reshape(-1, dim)
    u = u[u.norm(dim=-1) < 12]
    into = biject_to(p.support)
    z = into(u)
    log_mass = p.log_prob(z) + into.log_abs_det_jacobian(u, z)
    return z, log_mass.exp() * (2 * reach / n) ** dim


@pytest.mark.parametrize("scale", [0.3, 1.1])
@pytest.mark.parametrize("loc", [*POINTS[1], *POINTS[2]])
@pytest.mark.parametrize("family", [WrappedNormal, RiemannianNormal])
def test_the_density_integrates_to_one_and_draws_match(family, loc, scale):
    p = made(family, loc, scale)
    z, mass = on_lattice(p, len(loc))
    # A smooth function that falls faster than exponentially: midpoints are right to far less.
    assert mass.sum().item() == pytest.approx(1, abs=1e-6)
    draws = p.sample((20_000,))
    assert p.support.check(draws).all()
    away = [distance(p.loc, values) for values in (z, draws)]
    for f in (lambda v, r: r, lambda v, r: v[:, 0], lambda v, r: (v[:, -1] * 3).sin()):
        expected = mass @ f(z, away[0])
        error = (mass @ (f(z, away[0]) - expected).square() / len(draws)).sqrt()
        # Five standard errors are exceeded once in two million times.
        assert (f(draws, away[1]).mean() - expected).abs() < 5 * error


def test_motions_keep_distances_and_have_inverses():
    a, b, c = (0.9 * torch.rand(3, 7, 4, dtype=DOUBLE) - 0.45).unbind()
    torch.testing.assert_close(translate(-a, translate(a, b)), b)
    torch.testing.assert_close(distance(translate(c, a), translate(c, b)), distance(a, b))
    torch.testing.assert_close(exponential(logarithm(a)), a)
    # The metric at the centre is twice the ball's own, and lengths of the tangent space are its.
    v = torch.randn(7, 4, dtype=DOUBLE)
    torch.testing.assert_close(distance(torch.zeros_like(v), exponential(v)), v.norm(dim=-1))
    # arcosh(1 + 2 |a - b|^2 / ((1 - |a|^2) (1 - |b|^2))), the other formula.
    inner = 1 + 2 * (a - b).square().sum(-1) / (
        (1 - a.square().sum(-1)) * (1 - b.square().sum(-1))
    )
    torch.testing.assert_close(distance(a, b), inner.acosh())


def test_the_map_into_the_ball_has_its_volume():
    into = biject_to(UNIT_BALL)
    u = torch.randn(5, 3, dtype=DOUBLE)
    for row in u:
        jacobian = torch.autograd.functional.jacobian(into, row)
        found = into.log_abs_det_jacobian(row, into(row))
        torch.testing.assert_close(found, torch.linalg.slogdet(jacobian).logabsdet)
    torch.testing.assert_close(into.inv(into(u)), u)


@pytest.mark.parametrize("dim", [1, 2, 5, 30])
@pytest.mark.parametrize("scale", [0.015625, 0.125, 1.0])
def test_the_constant_is_the_integral(dim, scale):
    s = mp.mpf(scale)
    high = (dim - 1) * scale**2 + scale * math.sqrt(dim - 1)
    breaks = [scale * i for i in range(math.ceil(high / scale) + 16)]
    with mp.workdps(20):
        expected = mp.log(
            mp.quad(lambda r: mp.exp(-r * r / (2 * s * s)) * mp.sinh(r) ** (dim - 1), breaks)
        )
        found = _log_integral(tensor(scale)[0], dim).item()
        assert abs(found - expected) < 1e-9 * (1 + abs(expected))


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("scale", [0.125, 1.0, 3.0])
def test_draws_move_with_the_scale_as_their_quantile_does(dim, scale):
    torch.manual_seed(0)
    s = torch.full((3,), scale, dtype=DOUBLE, requires_grad=True)
    r = _radius(s, dim)
    (slopes,) = torch.autograd.grad(r.sum(), s)
    top = (dim - 1) * scale**2 + math.sqrt(dim) * scale

    def density(t, s):
        return mp.exp(-t * t / (2 * s * s)) * mp.sinh(t) ** (dim - 1)

    @cache
    def whole(s):
        ends = [0, top / 2, top, top + 4 * scale, top + 14 * scale]
        return mp.quad(lambda t: density(t, s), ends)

    def below(s, x):
        return mp.quad(lambda t: density(t, s), [0, x / 2, x]) / whole(s)

    with mp.workdps(30):
        for x, slope in zip(r.tolist(), slopes.tolist(), strict=True):
            x, at = mp.mpf(x), mp.mpf(scale)
            per_scale = mp.diff(lambda s, x=x: below(s, x), at, h=at * mp.mpf(10) ** -8)
            per_value = density(x, at) / whole(at)
            # Differences of thirty digits are right to some fifteen less.
            assert abs(slope + per_scale / per_value) < 1e-6 * (1 + abs(slope))


@pytest.mark.parametrize("family", [WrappedNormal, RiemannianNormal])
def test_gradients_of_densities_and_draws(family):
    def log_prob(v, raw):
        scale = raw.exp()
        scale = scale if family is WrappedNormal else scale[..., 0]
        return family(exponential(v), scale).log_prob(tensor(0.2, -0.4))

    v, raw = torch.randn(3, 2, dtype=DOUBLE), torch.rand(3, 2, dtype=DOUBLE)
    inputs = (v.requires_grad_(), raw.requires_grad_())
    assert torch.autograd.gradcheck(log_prob, inputs)
    z = family(exponential(v), raw.exp() if family is WrappedNormal else raw.exp()[..., 0])
    found = torch.autograd.grad(z.rsample().sum(), inputs)
    assert all(g.isfinite().all() and g.any() for g in found)


def test_single_precision_is_double_precision_of_the_same_numbers():
    loc = exponential(torch.tensor([[6.0, 0.0], [0.0, 0.0], [1e-4, 2.0]]))
    for p, q in (
        (WrappedNormal(loc, torch.full_like(loc, 0.25)), WrappedNormal),
        (RiemannianNormal(loc, torch.full((3,), 0.25)), RiemannianNormal),
    ):
        z = p.sample((50,))
        wide = q(p.loc.double(), p.scale.double()).log_prob(z.double())
        torch.testing.assert_close(p.log_prob(z), wide.float())
        assert z.norm(dim=-1).max() < 1


def test_points_at_the_edge_are_finite():
    v = torch.tensor([[80.0, -60.0], [0.0, 0.0], [1e-20, 0.0]], requires_grad=True)
    p = WrappedNormal(exponential(v), torch.ones(3, 2))
    found = p.log_prob(p.rsample())
    (slope,) = torch.autograd.grad(found.sum(), v)
    assert found.isfinite().all()
    assert slope.isfinite().all()
    assert PROPOSALS > 40  # half of them at least are accepted: see the module
