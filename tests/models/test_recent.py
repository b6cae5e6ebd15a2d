"""That a hierarchy's path is computed once in a step, and anew whenever anything has changed."""

import copy
import pickle
from contextlib import nullcontext

import pyro
import pytest
import torch
from hierarchies import MAKERS, at_places, dense, images
from pyro import poutine
from pyro.distributions import Normal

from pyrovae import recent
from pyrovae.objectives import (
    ELBO,
    AnalyticKLELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    ReweightedWakeSleep,
    StickingTheLandingELBO,
)
from pyrovae.recent import Recent, shared_paths


@pytest.fixture(autouse=True)
def within_a_step(request):
    with nullcontext() if "outside" in request.node.name else shared_paths():
        yield


def test_outside_of_a_step_everything_is_computed_anew():
    """Parameters may change without a trace, and parts of the loss be differentiated alone."""
    model, x = dense().double(), images().double()
    guided = poutine.trace(model.guide).get_trace(x)
    before = path_of(model, guided)
    guided = poutine.trace(poutine.replay(model.guide, trace=guided)).get_trace(x)
    for parameter in model.parameters():
        parameter.data.mul_(1.5)
    assert not torch.allclose(path_of(model, guided), before)
    for _ in range(2):
        path_of(model, guided)
    assert model.blocks[0]._recent._found == {}


OBJECTIVES = [
    ELBO(),
    AnalyticKLELBO(),
    ImportanceWeightedELBO(num_particles=2),
    StickingTheLandingELBO(),
    DoublyReparameterizedELBO(num_particles=2),
    ReweightedWakeSleep(num_particles=2),
]


def gradients(model, objective):
    torch.manual_seed(2)
    model.zero_grad()
    loss = objective.loss_and_grads(model.model, model.guide, images().double())
    return float(loss), [p.grad for p in model.parameters()]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: type(objective).__name__)
@pytest.mark.parametrize("make", MAKERS)
def test_losses_and_gradients_are_those_of_computing_all_twice(make, objective, monkeypatch):
    model = make().double()
    found = gradients(model, objective)
    monkeypatch.setattr(recent, "_state", lambda *_: None)  # nothing is kept
    expected = gradients(model, objective)
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
    for a, b in zip(found[1], expected[1], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("make", [at_places, dense])
def test_a_step_computes_each_prior_and_each_part_of_the_path_once(make):
    model, calls = make(), []
    for block in model.blocks:
        for part in (block.prior, block.merge):
            part.register_forward_hook(lambda module, *_: calls.append(module))
    for _ in range(2):
        calls.clear()
        ELBO().loss_and_grads(model.model, model.guide, images())
        assert len(calls) == len(set(calls)) == 2 * len(model.blocks)


def path_of(model, guided):
    """The path's end in the model, with the latents of a guide's run."""
    ends = []
    handle = model.likelihood.register_forward_pre_hook(lambda _, inputs: ends.append(inputs[0]))
    poutine.replay(model.model, trace=guided)(images().double())
    handle.remove()
    return ends[0]


def test_what_has_changed_since_is_computed_anew():
    model, x = dense().double(), images().double()
    guided = poutine.trace(model.guide).get_trace(x)
    with torch.no_grad():
        model.blocks[0].merge.layers[-1].bias += 1
    found = path_of(model, guided)
    guided = poutine.trace(poutine.replay(model.guide, trace=guided)).get_trace(x)
    torch.testing.assert_close(found, path_of(model, guided))


def test_without_gradients_in_the_guide_the_model_has_its_own():
    model = dense().double()
    with torch.no_grad():
        guided = poutine.trace(model.guide).get_trace(images().double())
    assert path_of(model, guided).requires_grad


def test_a_model_may_run_again_after_its_graph_is_gone():
    model = dense().double()
    guided = poutine.trace(model.guide).get_trace(images().double())
    for site in guided.nodes.values():
        if site["type"] == "sample":
            site["value"] = site["value"].detach()
    for _ in range(2):
        path_of(model, guided).sum().backward()


def test_a_guide_may_run_again_after_its_graph_is_gone():
    model, x = dense().double(), images().double()
    for _ in range(2):
        guided = poutine.trace(model.guide).get_trace(x)
        guided.nodes["z4"]["value"].sum().backward()


@pytest.mark.parametrize("part", ["merge", "prior.network"])
def test_sites_of_a_network_are_in_the_traces_of_both(part):
    model = dense().double()

    def scaled(module, inputs, found):
        return found * pyro.sample("scale", Normal(found.new_tensor(1.0), 0.1))[:, None]

    model.blocks[1].get_submodule(part).register_forward_hook(scaled)
    guided = poutine.trace(model.guide).get_trace(images().double())
    traced = poutine.trace(poutine.replay(model.model, trace=guided)).get_trace(images().double())
    assert traced.nodes["scale"]["value"] is guided.nodes["scale"]["value"]


def test_copies_and_pickles_hold_nothing_of_a_step():
    model = dense().double()
    model.guide(images().double())
    kept = model.blocks[0]._recent
    assert kept._found
    other = copy.deepcopy(model)
    for copied in (other.blocks[0]._recent, pickle.loads(pickle.dumps(kept))):
        assert copied._found == {}
    assert path_of(other, poutine.trace(other.guide).get_trace(images().double())).isfinite().all()


def test_results_are_kept_for_the_same_objects_in_the_same_modes():
    layer, kept, x = torch.nn.Linear(2, 2), Recent(), torch.ones(3, 2)
    first = kept("layer", layer, layer, x)
    assert kept("layer", layer, layer, x) is first
    assert kept("layer", layer, layer, x.clone()) is not first
    first = kept("layer", layer, layer, x)
    with torch.no_grad():
        assert not kept("layer", layer, layer, x).requires_grad
    first = kept("layer", layer, layer, x)
    x.add_(1)
    assert kept("layer", layer, layer, x) is not first
    first = kept("layer", layer, layer, x)
    layer.eval()
    assert kept("layer", layer, layer, x) is not first
    first = kept("layer", layer, layer, x)
    layer.weight.requires_grad_(False)
    assert kept("layer", layer, layer, x) is not first
    first = kept("layer", layer, layer, x)
    layer.register_buffer("shift", torch.zeros(2))
    assert kept("layer", layer, layer, x) is not first
    first = kept("layer", layer, layer, x)
    layer.shift.add_(1)
    assert kept("layer", layer, layer, x) is not first
    first = kept("layer", layer, layer, x)
    kept.forget()
    assert kept("layer", layer, layer, x) is not first
    with torch.inference_mode():
        y = torch.ones(3, 2)
        assert kept("layer", layer, layer, y) is not kept("layer", layer, layer, y)
