"""Models in one process never share parameters, whatever their class, copies or users do."""

import copy
import gc

import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import MixturePrior, NormalPrior

X = torch.rand(6, 4, generator=torch.Generator().manual_seed(1))


def make():
    return VAE(
        NormalPrior(2, learned=True),
        NormalPosterior(MLP(4, [3], 4, activation="tanh")),
        BernoulliLikelihood(MLP(2, [3], 4, activation="tanh")),
    )


def step(vae, loss=None):
    SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.1}), loss or Trace_ELBO()).step(X)


def values(vae):
    return {name: p.detach().clone() for name, p in vae.named_parameters()}


def moved(vae, before):
    return {name for name, p in vae.named_parameters() if not torch.equal(p, before[name])}


@pytest.mark.parametrize("other", [lambda vae: make(), copy.deepcopy, copy.copy])
@pytest.mark.parametrize("trained_before", [False, True])
def test_two_models_train_each_its_own(other, trained_before):
    one = make()
    if trained_before:
        step(one)
    two = other(one)
    shared = {id(p) for p in one.parameters()} & {id(p) for p in two.parameters()}
    for vae, rest in ((one, two), (two, one)):
        before, before_rest = values(vae), values(rest)
        step(vae)
        assert moved(vae, before) == set(before)
        if not shared:
            assert not moved(rest, before_rest)


def test_names_are_not_used_again_when_a_model_is_gone():
    """An id comes back once its object is collected; a name must not."""
    for _ in range(2):
        vae = make()
        before = values(vae)
        step(vae)
        assert moved(vae, before) == set(before)
        del vae
        gc.collect()
    stored = len(list(pyro.get_param_store()))
    assert stored == 2 * len(list(make().parameters()))


def test_a_users_own_module_of_the_same_class_name():
    mine = torch.nn.Linear(1, 1)
    vae = make()
    pyro.module("VAE", mine)
    pyro.module("VAE1", mine)
    step(vae)
    assert torch.equal(pyro.param("VAE$$$weight"), mine.weight)
    assert torch.equal(pyro.param("VAE1$$$weight"), mine.weight)


def test_training_after_the_store_was_cleared():
    vae = make()
    step(vae)
    pyro.clear_param_store()
    before = values(vae)
    step(vae)
    assert moved(vae, before) == set(before)


def test_a_part_that_is_swapped_between_steps_trains():
    """The store still holds the old part's parameters, under the same names."""
    vae = make()
    step(vae)
    vae.likelihood = BernoulliLikelihood(MLP(2, [3], 4, activation="tanh"))
    vae.prior = MixturePrior(2, components=2)
    before = values(vae)
    step(vae)
    assert moved(vae, before) == set(before)


def test_weights_assigned_between_steps_train():
    vae = make()
    step(vae)
    vae.load_state_dict(make().state_dict(), assign=True)
    for parameter in vae.parameters():
        parameter.requires_grad_(True)
    before = values(vae)
    step(vae)
    assert moved(vae, before) == set(before)


def test_a_frozen_part_stays_and_is_thawed():
    vae = make()
    vae.likelihood.requires_grad_(False)
    before = values(vae)
    step(vae)
    assert moved(vae, before) == {name for name in before if not name.startswith("likelihood")}
    vae.likelihood.requires_grad_(True)
    before = values(vae)
    step(vae, ELBO())
    assert moved(vae, before) == set(before)


def test_dtype_move_between_steps():
    vae = make()
    step(vae)
    vae.double()
    before = values(vae)
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.1}), Trace_ELBO())
    svi.step(X.double())
    assert moved(vae, before) == set(before)
    assert all(p.dtype == torch.float64 for p in vae.parameters())
