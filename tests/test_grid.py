"""Every prior with every posterior, likelihood and objective learns, all of it."""

from itertools import cycle

import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO, TraceMeanField_ELBO
from registry import DATA, LIKELIHOODS, OBJECTIVES, POSTERIORS, PRIORS, data_for

from pyrovae import VAE


def make_vae(prior, posterior, likelihood):
    q = POSTERIORS[posterior]()
    return VAE(PRIORS[prior](q), q, LIKELIHOODS[likelihood]())


def unmoved(vae, step):
    """The names of the parameters that a step leaves where they were."""
    before = {name: p.detach().clone() for name, p in vae.named_parameters()}
    loss = step()
    assert torch.as_tensor(loss).isfinite()
    for name, parameter in vae.named_parameters():
        assert parameter.isfinite().all(), name
    return [name for name, p in vae.named_parameters() if torch.equal(p, before[name])]


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("posterior", POSTERIORS)
@pytest.mark.parametrize("prior", PRIORS)
def test_one_step_moves_every_parameter(prior, posterior, likelihood, objective):
    vae = make_vae(prior, posterior, likelihood)
    elbo = OBJECTIVES[objective]()
    optim = torch.optim.Adam(vae.parameters(), lr=0.01)
    x = data_for(likelihood, (8,))

    def step():
        loss = elbo.loss_and_grads(vae.model, vae.guide, x)
        optim.step()
        return loss

    assert unmoved(vae, step) == []


PYROS = {
    "Trace_ELBO": lambda: Trace_ELBO(num_particles=2, vectorize_particles=True),
    "TraceMeanField_ELBO": TraceMeanField_ELBO,
}
ALL_OBJECTIVES = OBJECTIVES | PYROS
# Each objective meets each prior; posteriors and likelihoods take turns.
POSTERIOR, LIKELIHOOD = cycle(POSTERIORS), cycle(LIKELIHOODS)
FEWER = [(p, next(POSTERIOR), next(LIKELIHOOD), o) for o in ALL_OBJECTIVES for p in PRIORS]


def test_fewer_combinations_still_show_every_part():
    for i, parts in enumerate((PRIORS, POSTERIORS, LIKELIHOODS, ALL_OBJECTIVES)):
        assert {row[i] for row in FEWER} == set(parts)


@pytest.mark.parametrize(("prior", "posterior", "likelihood", "objective"), FEWER)
def test_plain_svi_moves_every_parameter(prior, posterior, likelihood, objective):
    vae = make_vae(prior, posterior, likelihood)
    elbo = ALL_OBJECTIVES[objective]()
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), loss=elbo)
    x = data_for(likelihood, (8,))
    assert unmoved(vae, lambda: svi.step(x)) == []
    assert isinstance(svi.evaluate_loss(x), float)


@pytest.mark.parametrize("objective", [*OBJECTIVES, "Trace_ELBO"])
def test_objective_as_a_module(objective):
    vae = make_vae("NormalPrior", "NormalPosterior", "BernoulliLikelihood")
    elbo = ALL_OBJECTIVES[objective]()(vae.model, vae.guide)
    x = torch.rand(8, *DATA)
    elbo(x).backward()
    assert all(p.grad.any() for p in vae.parameters())
