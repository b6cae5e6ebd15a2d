"""Whether a density integrates to one, and whether draws come from it."""

import math

import torch


def lattice(dim, bound, points):
    """Midpoints of a lattice on [-bound, bound]^dim, and the volume of a cell."""
    step = 2 * bound / points
    axis = -bound + step * (torch.arange(points, dtype=torch.float64) + 0.5)
    grid = torch.cartesian_prod(*[axis] * dim).reshape(-1, dim)
    return grid, step**dim


def check_on_lattice(p, bound=9.0, points=None, draws=40_000):
    """In one or two dimensions: total mass, then means of sines and cosines of draws.

    The lattice's error is measured by the caller's choice of bound and points; a smooth density
    is integrated by midpoints to far below the tolerance of 1e-3. Draws are compared within 5
    standard errors, which come from the lattice too.
    """
    (dim,) = p.event_shape
    z, volume = lattice(dim, bound, points or (4001 if dim == 1 else 361))
    mass = p.log_prob(z).exp() * volume
    assert abs(mass.sum().item() - 1) < 1e-3
    x = p.sample((draws,))
    # Bounded functions, so that heavy tails have moments too.
    for k in (0.7, 1.4):
        for values in (lambda v, k=k: torch.sin(k * v), lambda v, k=k: torch.cos(k * v)):
            _check_mean(values(x), values(z), mass)
        _check_mean(torch.sin(k * x).prod(-1), torch.sin(k * z).prod(-1), mass)


def _check_mean(drawn, on_lattice, mass):
    mean = mass @ on_lattice
    error = (mass @ (on_lattice - mean) ** 2 / len(drawn)).sqrt()
    assert ((drawn.mean(0) - mean).abs() < 5 * error + 1e-3).all()


def check_by_sampling(p, draws=60_000):
    r"""In any dimension: :math:`E_p[r(z) / p(z)] = 1` for a density r inside p's mass.

    ``r`` is a normal with the draws' own mean and a third of their spread, so that the ratio is
    bounded where p has the shape of a bell; the tolerance is 5 standard errors, and these are
    small enough (below 3 %) for a wrong constant to show.
    """
    with torch.no_grad():
        z = p.rsample((draws,))
        log_p = p.log_prob(z)
        centre = z.mean(0)
        factor = torch.linalg.cholesky(torch.cov((z - centre).mT)) / math.sqrt(3)
        r = torch.distributions.MultivariateNormal(centre, scale_tril=factor)
        ratio = (r.log_prob(z) - log_p).exp()
    error = ratio.std().item() / math.sqrt(draws)
    assert error < 0.03
    assert abs(ratio.mean().item() - 1) < 5 * error
