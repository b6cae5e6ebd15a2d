"""Seeds, and what training leaves alone."""

from functools import partial

import pyro
import pyro.distributions as dist
import pyro.infer
import pytest
import torch
from pyro import poutine
from tiny import binary_data, same, state, tiny_vae
from torch import nn

from pyrovae import fit
from pyrovae.datasets import Data

quiet = partial(fit, progress=False, device="cpu")


def test_one_seed_gives_the_same_weights_and_another_does_not():
    results = []
    for seed in (1, 1, 2):
        vae = tiny_vae()
        quiet(vae, binary_data(), epochs=2, batch_size=5, seed=seed)
        results.append(state(vae))
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_the_callers_random_state_stays_with_a_seed_and_moves_without():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    quiet(tiny_vae(), binary_data(), epochs=1, seed=3)
    assert torch.get_rng_state().equal(before)
    quiet(tiny_vae(), binary_data(), epochs=1, seed=None)
    assert not torch.get_rng_state().equal(before)


def test_without_a_seed_the_callers_generator_decides():
    results = []
    for seed in (4, 4, 5):
        vae = tiny_vae()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            quiet(vae, binary_data(), epochs=1, seed=None)
        results.append(state(vae))
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_training_on_the_cpu_does_not_seed_other_devices(monkeypatch):
    seeded = []
    vae = tiny_vae()
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    quiet(vae, Data(binary_data(), validation=binary_data(4)), epochs=1, seed=3)
    assert seeded == []


def test_the_callers_param_store_stays():
    store = pyro.get_param_store()
    with store.scope():
        pyro.param("mine", torch.tensor(2.0))
        quiet(tiny_vae(), binary_data(), epochs=1)
        assert set(store.keys()) == {"mine"}
        assert store["mine"].item() == 2.0


@pytest.mark.parametrize("pyros", [True, False])
@pytest.mark.parametrize("torchs", [True, False])
def test_the_validation_flags_stay(pyros, torchs):
    # Pyro keeps a flag of its own beside torch's, and they need not agree.
    base = torch.distributions.Distribution
    with pyro.validation_enabled(pyros):
        base.set_default_validate_args(torchs)
        quiet(tiny_vae(), binary_data(), epochs=1)
        assert base._validate_args is torchs
        assert pyro.infer.util.is_validation_enabled() is pyros
        assert dist.is_validation_enabled() is pyros
        assert poutine.util.is_validation_enabled() is pyros


def test_a_frozen_parameter_stays():
    vae = tiny_vae()
    vae.likelihood.requires_grad_(False)
    before = state(vae)
    quiet(vae, binary_data(), epochs=2)
    after = state(vae)
    for name in before:
        frozen = name.startswith(("likelihood", "prior"))
        assert before[name].equal(after[name]) is frozen


def test_training_runs_in_training_mode_and_stays_in_it():
    vae = tiny_vae(dropout=0.5, batch_norm=True).eval()
    quiet(vae, Data(binary_data(), validation=binary_data(4)), epochs=1)
    assert all(module.training for module in vae.modules())
    # One update a step with data and none by the support's check or the validation.
    batch_norm = next(m for m in vae.modules() if isinstance(m, nn.BatchNorm1d))
    assert batch_norm.num_batches_tracked == 1
