"""The value and gradients of every objective, and what all of them refuse."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from objective_cases import ACCEPTED, OBJECTIVES, over_objectives, refusal
from programs import PROGRAMS, coin_vae, loss_and_gradients, normal_vae
from pyro import poutine

from pyrovae.objectives import ELBO, AnalyticKLELBO, ImportanceWeightedELBO


@over_objectives
@pytest.mark.parametrize("program", ["coin_vae", "mixture_vae", "mixed", "masked"])
def test_what_it_cannot_be_used_with_is_refused_in_words(name, program):
    model, guide, x = PROGRAMS[program]()
    words = refusal(name, program)
    if words is None:
        assert OBJECTIVES[name]().differentiable_loss(model, guide, x).isfinite()
    else:
        with pytest.raises(ValueError, match=words):
            OBJECTIVES[name]().differentiable_loss(model, guide, x)


GLOBAL = [name for name in OBJECTIVES if name[:4] not in ("ELBO", "Anal", "Beta")]


@pytest.mark.parametrize("name", GLOBAL)
def test_a_global_latent_has_no_bound_for_each_datum(name):
    def model(x):
        slope = pyro.sample("slope", dist.Normal(0.0, 2.0))
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("x", dist.Normal(slope, 1.0), obs=x)

    def guide(x):
        pyro.sample("slope", dist.Normal(pyro.param("m", torch.tensor(0.5)), 1.0))

    with pytest.raises(ValueError, match=r"site 'slope': it is outside the data plate \(dim -1\)"):
        OBJECTIVES[name]().loss(model, guide, torch.randn(4))


@pytest.mark.parametrize(("name", "program"), [v for v in ACCEPTED if "_vae" in v.values[1]])
def test_differentiable_loss_has_the_value_of_loss_and_the_gradient_of_loss_and_grads(
    name, program
):
    objective = OBJECTIVES[name]()
    model, guide, x = PROGRAMS[program]()
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


@pytest.mark.parametrize(("name", "program"), ACCEPTED)
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
    model, guide, x = normal_vae() if refusal(name, "coin_vae") else coin_vae()
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
