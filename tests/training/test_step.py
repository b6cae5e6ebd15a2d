"""An eager step is the optimizer's own, or none."""

import math

import pytest
import torch
from tiny import binary_data, same, state, tiny_vae

from pyrovae.objectives import ELBO
from pyrovae.scope import without_validation
from pyrovae.training.gradients import Gradients
from pyrovae.training.step import Step


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.Adagrad])
def test_a_nan_moves_nothing(kind):
    vae = tiny_vae()
    parameters = list(vae.parameters())
    optimizer = kind(parameters, lr=0.1)
    step = Step(parameters, Gradients(vae.model, vae.guide, ELBO()), optimizer)
    begun = state(vae)
    assert step((binary_data(6),)).isfinite()
    before = state(vae)
    assert not same(before, begun)
    with without_validation():
        assert step((torch.full((6, 4), math.nan),)).isnan()
    assert same(state(vae), before)
