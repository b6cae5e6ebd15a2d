"""A step of training under every objective, of networks that are not the same twice."""

import math

import pyro
import pytest
import torch
from objective_cases import OBJECTIVES, over_objectives
from programs import normal_vae
from pyro.infer import SVI
from torch import nn

from pyrovae import VAE, fit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior, VampPrior


def noisy_vae(vamp):
    """Batch normalisation and dropout everywhere."""
    options = {"batch_norm": True, "dropout": 0.3}
    posterior = NormalPosterior(MLP((1, 2, 3), [4], 6, **options))
    x = torch.rand(8, 1, 2, 3)
    prior = VampPrior(posterior, pseudo_inputs=x[:4]) if vamp else NormalPrior(3)
    return VAE(prior, posterior, BernoulliLikelihood(MLP(3, [4], (1, 2, 3), **options))), x


# A VampPrior neither factorises nor has draws with a gradient.
NOISY = [
    (name, vamp)
    for name in OBJECTIVES
    for vamp in (False, True)
    if not vamp or not name.startswith(("MMD", "Sliced")) and "feature" not in name
]


@pytest.mark.parametrize(("name", "vamp"), NOISY)
def test_one_dropout_mask_and_one_move_of_batch_norm_a_step(name, vamp):
    vae, x = noisy_vae(vamp)
    masks = []
    for part, module in vae.named_modules():
        if isinstance(module, nn.Dropout):
            module.register_forward_hook(
                lambda module, *_, part=part: masks.append(part) if module.training else None
            )
    OBJECTIVES[name]().loss_and_grads(vae.model, vae.guide, x)
    assert len(masks) == len(set(masks)) == 2
    moves = [m.num_batches_tracked.item() for m in vae.modules() if isinstance(m, nn.BatchNorm1d)]
    assert moves == [1, 1]


@over_objectives
def test_each_step_draws_anew(name):
    model, guide, x = normal_vae()
    objective = OBJECTIVES[name]()
    assert objective.loss(model, guide, x) != objective.loss(model, guide, x)


@over_objectives
def test_frozen_parameters_get_no_gradient(name):
    vae, x = noisy_vae(vamp=False)
    vae.likelihood.requires_grad_(False)
    OBJECTIVES[name]().loss_and_grads(vae.model, vae.guide, x)
    assert all(p.grad is None for p in vae.likelihood.parameters())
    assert all(p.grad is not None for p in vae.posterior.parameters())


@over_objectives
def test_without_any_parameter_there_is_a_loss_and_nothing_to_learn(name):
    vae, x = noisy_vae(vamp=False)
    vae.requires_grad_(False)
    assert OBJECTIVES[name]().loss_and_grads(vae.model, vae.guide, x).isfinite()


@over_objectives
def test_learns_in_plain_svi_and_in_fit(name):
    for train in ("svi", "fit"):
        vae, x = noisy_vae(vamp=False)
        before = {n: p.detach().clone() for n, p in vae.named_parameters()}
        objective = OBJECTIVES[name]()
        if train == "svi":
            SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), loss=objective).step(x)
        else:
            history = fit(vae, x, objective=objective, epochs=2, batch_size=4, progress=False)
            assert all(math.isfinite(row["loss"]) for row in history)
        assert not any(torch.equal(p, before[n]) for n, p in vae.named_parameters())
