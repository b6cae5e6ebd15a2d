"""Compiled steps in a loop of one's own."""

import math

import pyro
import pyro.distributions as dist
import pyro.infer
import pytest
import torch
from tiny import binary_data, same, state, tiny_vae

from pyrovae.objectives import (
    ELBO,
)
from pyrovae.training import CompiledSVI

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-2, fused=True)


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.proof)])
def test_compiled_svi_follows_pyros_svi(whole, request):
    if not whole:
        request.getfixturevalue("only_traced")
    # The same sum over the batch and the same Adam: Pyro's SVI takes the same steps.
    x = binary_data(24).split(6)
    ours, pyros = tiny_vae(), tiny_vae()
    svi = CompiledSVI(ours.model, ours.guide, adam, loss=ELBO())
    torch.manual_seed(1)
    losses = [svi.step(batch) for _ in range(3) for batch in x]
    assert svi.compiled
    assert losses[-1].shape == ()
    # Pyro's guess of the nesting would draw once more.
    elbo = pyro.infer.Trace_ELBO(max_plate_nesting=1)
    reference = pyro.infer.SVI(pyros.model, pyros.guide, pyro.optim.Adam({"lr": 1e-2}), loss=elbo)
    torch.manual_seed(1)
    expected = [reference.step(batch) for _ in range(3) for batch in x]
    assert [loss.item() for loss in losses] == pytest.approx(expected, rel=1e-3)
    pyro.clear_param_store()
    before = state(ours)
    assert math.isfinite(svi.evaluate_loss(x[0]))
    assert same(state(ours), before)


@pytest.mark.usefixtures("only_traced")
def test_a_step_to_nan_changes_nothing():
    vae = tiny_vae()
    svi = CompiledSVI(vae.model, vae.guide, adam, loss=ELBO())
    for batch in binary_data(18).split(6):
        svi.step(batch)
    before = state(vae)
    assert svi.step(torch.full((6, 4), math.nan)).isnan()
    assert svi.compiled
    assert same(state(vae), before)
    assert svi.step(binary_data(6)).isfinite()


def test_compiled_svi_takes_the_programs_of_one_module():
    def program(x):
        pyro.sample("z", dist.Normal(0, 1))

    with pytest.raises(ValueError, match="two methods of the same nn.Module"):
        CompiledSVI(program, program, adam, loss=ELBO())
    with pytest.raises(ValueError, match="two methods of the same nn.Module"):
        CompiledSVI(tiny_vae().model, tiny_vae().guide, adam, loss=ELBO())
