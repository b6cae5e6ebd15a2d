"""What every objective keeps, whatever it estimates."""

import pyro
import pytest
import torch
from programs import PROGRAMS, coin_vae, loss_and_gradients, normal_vae
from pyro import poutine
from torch import nn

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, AnalyticKLELBO, BetaELBO, ImportanceWeightedELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior, VampPrior

OBJECTIVES = {
    "ELBO-1": lambda: ELBO(),
    "ELBO-5": lambda: ELBO(num_particles=5),
    "AnalyticKLELBO-1": lambda: AnalyticKLELBO(),
    "AnalyticKLELBO-5": lambda: AnalyticKLELBO(num_particles=5),
    "BetaELBO": lambda: BetaELBO(0.5),
    "BetaELBO-analytic": lambda: BetaELBO(0.5, elbo=AnalyticKLELBO(num_particles=2)),
    "ImportanceWeightedELBO-1": lambda: ImportanceWeightedELBO(num_particles=1),
    "ImportanceWeightedELBO-5": lambda: ImportanceWeightedELBO(num_particles=5),
}
over_objectives = pytest.mark.parametrize("name", OBJECTIVES)


@over_objectives
@pytest.mark.parametrize("make", [normal_vae, coin_vae])
def test_differentiable_loss_has_the_value_of_loss_and_the_gradient_of_loss_and_grads(name, make):
    objective = OBJECTIVES[name]()
    model, guide, x = make()
    torch.manual_seed(3)
    value = objective.loss(model, guide, x)
    assert isinstance(value, float)
    loss, expected = loss_and_gradients(objective, model, guide, x, seed=3)
    torch.manual_seed(3)
    differentiable = objective.differentiable_loss(model, guide, x)
    assert differentiable.shape == ()
    assert loss == pytest.approx(value, rel=1e-6)
    assert differentiable.item() == pytest.approx(value, rel=1e-6)
    differentiable.backward()
    store = dict(pyro.get_param_store().named_parameters())
    for parameter, gradient in expected.items():
        torch.testing.assert_close(store[parameter].grad, gradient)


@over_objectives
def test_loss_leaves_gradients_and_graph_alone(name):
    model, guide, x = normal_vae()
    graphs = []

    def watched(x):
        graphs.append(torch.is_grad_enabled())
        return model(x)

    OBJECTIVES[name]().loss(watched, guide, x)
    assert graphs == [False]
    assert all(p.grad is None for _, p in pyro.get_param_store().named_parameters())


@over_objectives
def test_gradients_are_added_to_those_that_are_there(name):
    objective = OBJECTIVES[name]()
    model, guide, x = normal_vae()
    _, once = loss_and_gradients(objective, model, guide, x)
    for _ in range(2):
        torch.manual_seed(3)
        objective.loss_and_grads(model, guide, x)
    for parameter, p in pyro.get_param_store().named_parameters():
        torch.testing.assert_close(p.grad, 2 * once[parameter])


WAITS = ["item", "__float__", "__int__", "__bool__", "__index__", "tolist", "cpu", "numpy"]


@over_objectives
@pytest.mark.parametrize("program", ["normal_vae", "mixture_vae", "coin_vae", "mixed", "masked"])
def test_differentiable_loss_does_not_wait_for_the_device(name, program, monkeypatch):
    objective = OBJECTIVES[name]()
    model, guide, x = PROGRAMS[program]()
    # Validation looks at values, and a plain program's first run makes its parameters.
    with pyro.validation_enabled(False):
        objective.differentiable_loss(model, guide, x)
        for method in WAITS:

            def wait(*args, method=method, **kwargs):
                raise AssertionError(f"the loss waits for the device: Tensor.{method}")

            monkeypatch.setattr(torch.Tensor, method, wait)
        loss = objective.differentiable_loss(model, guide, x)
        monkeypatch.undo()
    assert loss.isfinite()


@pytest.mark.parametrize("n", [0, -1])
@pytest.mark.parametrize("cls", [ELBO, AnalyticKLELBO, ImportanceWeightedELBO])
def test_no_particles_are_refused(cls, n):
    with pytest.raises(ValueError, match=f"num_particles: expected at least 1, got {n}"):
        cls(num_particles=n)


@over_objectives
def test_a_guide_marked_for_enumeration_is_warned_of(name):
    """Only TraceEnum_ELBO sums it out; here it would be drawn, silently."""
    model, guide, x = coin_vae()
    marked = poutine.infer_config(guide, lambda site: {"enumerate": "parallel"})
    with pytest.warns(UserWarning, match="you need to use TraceEnum_ELBO instead"):
        OBJECTIVES[name]().loss(model, marked, x)


@over_objectives
def test_guide_and_model_run_once(name):
    model, guide, x = normal_vae()
    runs = []

    def counted(which, program):
        def run(*args):
            runs.append(which)
            return program(*args)

        return run

    objective = OBJECTIVES[name]()
    for method in (objective.loss, objective.differentiable_loss, objective.loss_and_grads):
        runs.clear()
        method(counted("model", model), counted("guide", guide), x)
        assert runs == ["guide", "model"]


def noisy_vae(vamp):
    """Batch normalisation and dropout everywhere."""
    options = {"batch_norm": True, "dropout": 0.3}
    posterior = NormalPosterior(MLP((1, 2, 3), [4], 6, **options))
    x = torch.rand(8, 1, 2, 3)
    prior = VampPrior(posterior, pseudo_inputs=x[:4]) if vamp else NormalPrior(3)
    return VAE(prior, posterior, BernoulliLikelihood(MLP(3, [4], (1, 2, 3), **options))), x


@over_objectives
@pytest.mark.parametrize("vamp", [False, True])
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
