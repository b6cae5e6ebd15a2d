"""Every prior with every posterior and objective that it fits learns, all of it.

Likelihoods take turns: what they are has no part in how a prior meets a posterior.
"""

from itertools import combinations, cycle

import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO, TraceMeanField_ELBO
from refusals import DISTANCES, QUANTIZED, refusal
from registry import (
    DATA,
    LIKELIHOODS,
    NOT_REPARAMETERIZED,
    OBJECTIVES,
    POSTERIORS,
    PRIORS,
    data_for,
    fits,
)

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


def left_out(vae, prior, posterior, objective):
    """The parameters that an objective does not train: a codebook needs its own.

    And a prior's density, which a posterior of its own is for, has no part in draws.
    """
    if prior == "TwoStagePrior" and objective in DISTANCES:
        return [name for name, _ in vae.named_parameters() if name.startswith("prior.posterior")]
    learned = posterior == "VectorQuantizedPosterior" and objective not in QUANTIZED
    return ["posterior.codebook.vectors"] if learned else []


PAIRS = [(prior, posterior) for prior in PRIORS for posterior in POSTERIORS]
FITTING = [pair for pair in PAIRS if fits(*pair)]
TRIPLES = [(*pair, objective) for pair in FITTING for objective in OBJECTIVES]
LIKELIHOOD = cycle(LIKELIHOODS)
# A KL that is drawn, as that under a mixture is, may be below the free nats, none, at the first step:
# nothing of it moves then.
MAY_STAND = {("VampPrior", posterior, "FreeBitsELBO") for posterior in POSTERIORS}
# With a category as the offset, the draws of one category have all the weight of a datum; of the last
# one, which is the offset, the network sees zeros.
ONE_WEIGHS = {("CategoricalPosterior", "StratifiedELBO", "OffsetLikelihood")}
GRID = [
    row
    for row in (
        (*triple, next(LIKELIHOOD))
        for triple in TRIPLES
        if refusal(*triple) is None and triple not in MAY_STAND
    )
    if row[1:] not in ONE_WEIGHS
]


def test_the_grid_shows_every_part_and_each_pair_of_parts_that_fits():
    for i, parts in enumerate((PRIORS, POSTERIORS, OBJECTIVES, LIKELIHOODS)):
        assert {row[i] for row in GRID} == set(parts)
    assert {row[:2] for row in GRID} == set(FITTING)


def in_turns(grid, together=2):
    """Leaves rows whose parts have all been shown by others, so many together, to ``make proof``."""
    shown = set()
    for row in grid:
        groups = set(combinations(row if together == 1 else row[:3], together))
        yield pytest.param(*row, marks=[] if groups - shown else pytest.mark.proof)
        shown |= groups


@pytest.mark.parametrize(("prior", "posterior"), [pair for pair in PAIRS if not fits(*pair)])
def test_a_prior_and_a_posterior_that_do_not_fit_are_refused(prior, posterior):
    with pytest.raises(
        ValueError,
        match="has no meaning|can only evaluate the density of its own|none in closed form|mixture of normals|"
        "whose codebook",
    ):
        make_vae(prior, posterior, "BernoulliLikelihood")


@pytest.mark.parametrize(
    ("prior", "posterior", "objective"),
    [*in_turns(triple for triple in TRIPLES if refusal(*triple))],
)
def test_an_objective_that_does_not_fit_says_so_at_the_first_call(prior, posterior, objective):
    vae = make_vae(prior, posterior, "BernoulliLikelihood")
    x = torch.rand(8, *DATA)
    with pytest.raises(ValueError, match=refusal(prior, posterior, objective)):
        OBJECTIVES[objective]().loss_and_grads(vae.model, vae.guide, x)


@pytest.mark.parametrize(("prior", "posterior", "objective", "likelihood"), [*in_turns(GRID)])
def test_one_step_moves_every_parameter(prior, posterior, objective, likelihood):
    vae = make_vae(prior, posterior, likelihood)
    elbo = OBJECTIVES[objective]()
    optim = torch.optim.Adam(vae.parameters(), lr=0.01)
    x = data_for(likelihood, (8,))

    def step():
        loss = elbo.loss_and_grads(vae.model, vae.guide, x)
        optim.step()
        return loss

    assert unmoved(vae, step) == left_out(vae, prior, posterior, objective)


PYROS = {
    "Trace_ELBO": lambda: Trace_ELBO(num_particles=2, vectorize_particles=True),
    "TraceMeanField_ELBO": TraceMeanField_ELBO,
}
ALL_OBJECTIVES = OBJECTIVES | PYROS
# Each objective meets each prior that it fits; posteriors and likelihoods take turns.
TURNS = cycle(POSTERIORS)


def turn(prior, objective):
    """The next posterior that fits, or None."""
    for _ in POSTERIORS:
        posterior = next(TURNS)
        pyros = objective == "TraceMeanField_ELBO" and posterior in NOT_REPARAMETERIZED
        if fits(prior, posterior) and not refusal(prior, posterior, objective) and not pyros:
            return posterior
    return None


FEWER = [
    (prior, posterior, next(LIKELIHOOD), objective)
    for objective in ALL_OBJECTIVES
    for prior in PRIORS
    if (posterior := turn(prior, objective))
]


def test_fewer_combinations_still_show_every_part():
    for i, parts in enumerate((PRIORS, POSTERIORS, LIKELIHOODS, ALL_OBJECTIVES)):
        assert {row[i] for row in FEWER} == set(parts)


@pytest.mark.parametrize(
    ("prior", "posterior", "likelihood", "objective"), [*in_turns(FEWER, together=1)]
)
def test_plain_svi_moves_every_parameter(prior, posterior, likelihood, objective):
    vae = make_vae(prior, posterior, likelihood)
    elbo = ALL_OBJECTIVES[objective]()
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), loss=elbo)
    x = data_for(likelihood, (8,))
    assert unmoved(vae, lambda: svi.step(x)) == left_out(vae, prior, posterior, objective)
    assert isinstance(svi.evaluate_loss(x), float)


@pytest.mark.parametrize("objective", sorted({*OBJECTIVES, "Trace_ELBO"} - QUANTIZED))
def test_objective_as_a_module(objective):
    vae = make_vae("NormalPrior", "NormalPosterior", "BernoulliLikelihood")
    elbo = ALL_OBJECTIVES[objective]()(vae.model, vae.guide)
    x = torch.rand(8, *DATA)
    elbo(x).backward()
    assert all(p.grad.any() for p in vae.parameters())
