"""Priors whose parameters went anywhere, and latents from anywhere."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_networks import signed, single
from registry import KINDS, LATENT, OF_CODES, POSTERIORS, PRIORS, latent_for

from pyrovae.distributions.code_tables import nearest
from pyrovae.priors import DistributionPrior, MixturePrior, NormalPrior

OF_REALS = [name for name in PRIORS if KINDS.get(name, "real") == "real"]


def made(name):
    torch.manual_seed(0)
    q = "VectorQuantizedPosterior" if name in OF_CODES else "NormalPosterior"
    return PRIORS[name](POSTERIORS[q]())


@pytest.mark.parametrize("name", PRIORS)
@given(numbers=st.lists(signed, min_size=3, max_size=3))
def test_parameters_of_any_size_are_finite_with_their_gradients(name, numbers):
    prior = made(name)
    own = [
        p
        for n, p in prior.named_parameters()
        if not n.startswith("posterior") and "network" not in n
    ]
    with torch.no_grad():
        for parameter in own:
            repeated = torch.tensor(numbers).repeat(parameter.numel())[: parameter.numel()]
            parameter.copy_(repeated.view_as(parameter))
    p = prior()
    log_prob = p.log_prob(latent_for(name, (6,)))
    assert log_prob.isfinite().all()
    assert p.sample((6,)).isfinite().all()
    if log_prob.requires_grad:
        log_prob.sum().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in own)


@pytest.mark.parametrize("name", OF_REALS)
@given(z=st.lists(signed, min_size=LATENT, max_size=LATENT))
def test_latents_of_any_size_are_finite_with_their_gradients(name, z):
    z = torch.tensor(z, requires_grad=True)
    log_prob = made(name)().log_prob(z)
    assert log_prob.isfinite().all()
    log_prob.backward()
    assert z.grad.isfinite().all()


@given(loc=signed, log_scale=single(-18, 18), z=signed)
def test_a_learned_normal_by_its_logarithm(loc, log_scale, z):
    prior = NormalPrior(1, learned=True)
    prior.loc.data.fill_(loc)
    prior.log_scale.data.fill_(log_scale)
    exact = torch.distributions.Normal(
        torch.tensor(loc).double(), torch.tensor(log_scale).double().exp()
    ).log_prob(torch.tensor(z).double())
    found = prior().log_prob(torch.tensor([z])).double()
    # The exponential of 18 is rounded to 18 roundings, and its inverse squared.
    torch.testing.assert_close(found, exact, rtol=8e-6, atol=4e-6)


@given(weights=st.lists(signed, min_size=3, max_size=3), z=single(-50, 50))
def test_a_mixture_is_that_of_double_precision(weights, z):
    torch.manual_seed(0)
    prior = MixturePrior(1, components=3)
    prior.logits.data.copy_(torch.tensor(weights))
    found = prior().log_prob(torch.tensor([z])).double()
    exact = prior.double()().log_prob(torch.tensor([z]).double())
    torch.testing.assert_close(found, exact, rtol=4e-6, atol=4e-6)


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("StudentT", {"df": 1e6}),
        ("StudentT", {"df": 1e8, "loc": 1e4}),
        ("Beta", {"concentration1": 1e6, "concentration0": 2e6}),
        ("ContinuousBernoulli", {"logits": 30.0}),
        ("Normal", {"scale": 1e-6}),
        ("Laplace", {"scale": 1e4}),
    ],
)
def test_a_familys_densities_in_single_precision(family, parameters):
    prior = DistributionPrior(LATENT, family=family, parameters=parameters)
    z = prior().sample((50,))
    found = prior().log_prob(z).double()
    # A draw is a number in single precision, which both score.
    torch.testing.assert_close(found, prior.double()().log_prob(z.double()), rtol=1e-5, atol=2e-3)


@pytest.mark.parametrize(
    ("family", "parameters"),
    [("Dirichlet", {"concentration": 1e7}), ("Gamma", {"concentration": 1e7, "rate": 1.0})],
)
def test_a_family_that_single_precision_cannot_score_is_refused(family, parameters):
    before = torch.random.get_rng_state()
    with pytest.raises(ValueError, match=rf"parameters: the density of {family} .* is off by"):
        DistributionPrior(LATENT, family=family, parameters=parameters)
    assert torch.equal(torch.random.get_rng_state(), before)


@given(offset=signed, size=st.floats(-3, 0).map(lambda k: 10.0**k))
def test_nearest_codes_far_from_zero(offset, size):
    torch.manual_seed(0)
    offset = max(min(offset, 1e3), -1e3)
    codebook = offset + size * torch.randn(40, 3)
    vectors = codebook[torch.randint(40, (200,))] + 0.1 * size * torch.randn(200, 3)
    exact = (vectors.double()[:, None] - codebook.double()).norm(dim=-1)
    found = exact.gather(1, nearest(vectors, codebook)[:, None])[:, 0]
    # As near as the nearest, to what a rounding of the coordinates moves it by.
    rounding = 4e-7 * (abs(offset) + 1)
    assert (found <= exact.min(1).values + rounding).all()
