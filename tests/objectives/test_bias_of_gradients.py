"""Which gradients of a guide are those of the bound in expectation, and which are not."""

import linear_gaussian
import pyro
import pyro.distributions as dist
import pytest
import torch
from path_programs import chain, vamp_vae
from programs import loss_and_gradients
from pyro import poutine
from scipy import stats

from pyrovae.handlers import ScaleLatents
from pyrovae.objectives import (
    ELBO,
    BetaELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    StickingTheLandingELBO,
)
from pyrovae.objectives.leaves import Coefficients

REPEATS = 60  # of many data each: a program takes as long for few


def vector(objective, model, guide, x, seed):
    _, found = loss_and_gradients(objective, model, guide, x, seed=seed)
    return torch.cat([g.flatten().double() for g in found.values()])


def paired_t(one, other, model, guide, x, repeats=REPEATS):
    """The t of each parameter's difference, over draws, and the size of the means."""
    rows = torch.stack(
        [vector(one, model, guide, x, s) - vector(other, model, guide, x, s + 10**6)
         for s in range(repeats)]
    )  # fmt: skip
    t = rows.mean(0) / (rows.std(0) / repeats**0.5)
    return t[rows.std(0) > 1e-7]


def limit(tests, level=1e-3):
    """What |t| exceeds with that probability in any of so many tests (Bonferroni)."""
    return stats.t.ppf(1 - level / (2 * tests), REPEATS - 1)


def poor():
    vae = linear_gaussian.poor_vae()
    return vae.model, vae.guide, linear_gaussian.data().repeat(50, 1)


def poor_vamp():
    model, guide, x = vamp_vae(noisy=False)
    return model, guide, x.repeat(50, 1, 1, 1)


def poor_chain():
    model, guide, x = chain()
    return model, guide, x.repeat(75)


def uneven():
    """A latent whose density counts a third, and one that is masked for half of the data."""
    a, b, c = (torch.tensor(v).double() for v in (0.5, 0.8, 0.6))
    mask = torch.tensor([True, False]).repeat(150)

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            with ScaleLatents(0.3):
                z1 = pyro.sample(
                    "z1", dist.Normal(torch.zeros(len(x), 2).double(), 1.0).to_event(1)
                )
            with poutine.mask(mask=mask):
                z2 = pyro.sample("z2", dist.Normal(z1.sum(-1), 0.9))
            pyro.sample("x", dist.Normal(z2 + z1[..., 0], 0.5), obs=x)

    def guide(x):
        p = {k: pyro.param(k, v) for k, v in (("a", a), ("b", b), ("c", c))}
        with pyro.plate("data", len(x), dim=-1):
            with ScaleLatents(0.3):
                loc = torch.stack([p["a"] * x, p["b"] * x], -1)
                z1 = pyro.sample("z1", dist.Normal(loc, p["c"]).to_event(1))
            with poutine.mask(mask=mask):
                pyro.sample("z2", dist.Normal(p["b"] * z1.prod(-1), p["c"]))

    return model, guide, torch.tensor([0.3, -1.2, 2.0, 0.9]).double().repeat(75)


HARD = {"poor": poor, "chain": poor_chain, "vamp": poor_vamp, "uneven": uneven}
# One program, and the one whose sites count differently, do in the ordinary suite.
over_hard = pytest.mark.parametrize(
    "name",
    [*("poor", "uneven"), *(pytest.param(n, marks=pytest.mark.proof) for n in ("chain", "vamp"))],
)


@over_hard
def test_doubly_reparameterised_gradient_is_that_of_the_bound_in_expectation(name):
    model, guide, x = HARD[name]()
    one, other = (
        DoublyReparameterizedELBO(num_particles=3),
        ImportanceWeightedELBO(num_particles=3),
    )
    t = paired_t(one, other, model, guide, x)
    assert len(t) >= 3
    assert t.abs().max() < limit(len(t))


@over_hard
def test_sticking_the_landing_with_one_particle_is_unbiased(name):
    model, guide, x = HARD[name]()
    t = paired_t(StickingTheLandingELBO(), ELBO(), model, guide, x)
    assert t.abs().max() < limit(len(t))


@pytest.mark.parametrize("name", ["poor", pytest.param("chain", marks=pytest.mark.proof)])
def test_sticking_the_landing_with_several_particles_is_biased(name):
    """So the tests above can tell."""
    model, guide, x = HARD[name]()
    one, other = StickingTheLandingELBO(num_particles=3), ImportanceWeightedELBO(num_particles=3)
    t = paired_t(one, other, model, guide, x)
    assert t.abs().max() > 2 * limit(len(t))


@pytest.mark.parametrize("beta", [0.3, pytest.param(2.0, marks=pytest.mark.proof)])
def test_a_weight_on_the_latents_leaves_the_doubly_reparameterised_gradient_unbiased(beta):
    model, guide, x = poor()
    one = BetaELBO(beta, elbo=DoublyReparameterizedELBO(num_particles=3))
    other = BetaELBO(beta, elbo=ImportanceWeightedELBO(num_particles=3))
    t = paired_t(one, other, model, guide, x)
    assert t.abs().max() < limit(len(t))
    # With the square alone it would not be.
    t = paired_t(Squares(beta), other, model, guide, x)
    assert t.abs().max() > 2 * limit(len(t))


class Squares(BetaELBO):
    """DReG as if the weight were 1."""

    class _Squares(DoublyReparameterizedELBO):
        def coefficients(self, log_weights):
            weights = log_weights.softmax(0)
            return Coefficients(model=weights, density=0.0, path=weights.square())

    def __init__(self, beta):
        super().__init__(beta, elbo=self._Squares(num_particles=3))
