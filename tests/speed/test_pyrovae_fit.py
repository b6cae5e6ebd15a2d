"""A step that continues uncompiled is not measured as a compiled one."""

import warnings

import pytest
import torch
from tiny import binary_data, tiny_vae

from benchmarks.speed.contenders.pyrovae_fit import insist_on_compiling
from pyrovae import fit
from pyrovae.objectives import ELBO
from pyrovae.training import CompiledSVI


@pytest.fixture
def broken(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch._inductor, "compile", fail)
    with warnings.catch_warnings():
        insist_on_compiling()
        yield


@pytest.mark.usefixtures("broken")
def test_fit_ends():
    with pytest.raises(UserWarning, match="continues uncompiled: .* no compiler"):
        fit(tiny_vae(), binary_data(), epochs=1, compile=True, progress=False, device="cpu")


@pytest.mark.usefixtures("broken")
def test_a_step_of_ones_own_loop_ends():
    vae = tiny_vae()
    svi = CompiledSVI(vae.model, vae.guide, torch.optim.Adam, ELBO())
    with pytest.raises(UserWarning, match="the loop continues uncompiled: .* no compiler"):
        svi.step(torch.rand(5, 4).round())
