"""The compiled step gives the eager step's numbers."""

from functools import partial

import pyro
import pyro.infer
import pytest
import torch
from stepping import eager_step
from tiny import binary_data, same, state, tiny_vae

from pyrovae import VAE, fit
from pyrovae.datasets import TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    ImportanceWeightedELBO,
)
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import (
    NormalPrior,
)
from pyrovae.schedules import LinearWarmup
from pyrovae.training.compiled import CompiledStep

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


# Two at once; the others tell which of them it was.
@pytest.mark.parametrize(
    "case",
    [
        "importance_weighted, batch_norm",
        *(
            pytest.param(case, marks=pytest.mark.proof)
            for case in ("elbo", "batch_norm", "importance_weighted")
        ),
    ],
)
def test_compiled_and_eager_training_follow_each_other(case):
    x = TensorSplit(torch.rand(22, 4), binarization="dynamic")
    options = {"batch_norm": True} if "batch_norm" in case else {}
    objective = (
        ImportanceWeightedELBO(num_particles=3) if "importance_weighted" in case else ELBO()
    )
    histories, states = [], []
    for compile in (False, True):
        vae = tiny_vae(**options)
        # 22 data in batches of 8: the last has 6.
        history = fit(
            vae,
            x,
            objective=objective,
            epochs=4,
            batch_size=8,
            # Adam would divide roundings by their own size where a gradient is zero.
            optimizer=partial(torch.optim.SGD, lr=1e-2, momentum=0.9),
            beta=LinearWarmup(3),
            clip_norm=5.0,
            compile=compile,
            progress=False,
            device="cpu",
        )
        histories.append(history)
        states.append(state(vae))
    assert histories[0].compiled == "not compiled"
    assert histories[1].compiled.startswith("compiled in")
    losses = [torch.tensor(history.column("loss")) for history in histories]
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-4, atol=1e-4)
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=1e-4, atol=1e-4)


@pytest.mark.proof
def test_importance_weights_of_many_pixels_compile():
    # A log-density of -8500 has roundings of 5e-4, and importance weights relative errors of it.
    torch.manual_seed(0)
    vae = VAE(
        NormalPrior(5),
        NormalPosterior(MLP(12288, (16,), 10)),
        BernoulliLikelihood(MLP(5, (16,), 12288)),
    )
    x = torch.rand(20, 12288).round()
    CompiledStep(vae, eager_step(vae, ImportanceWeightedELBO(num_particles=5)), (x,))


@pytest.mark.parametrize(
    "optimizer",
    [
        partial(torch.optim.AdamW, lr=1e-2, fused=True),
        partial(torch.optim.Adamax, lr=1e-2),
        partial(torch.optim.SGD, lr=1e-3, momentum=0.9),
        partial(torch.optim.Adam, lr=1e-2, amsgrad=True),
        partial(torch.optim.Adagrad, lr=1e-2),
    ],
    # The last two step themselves along compiled gradients.
    ids=["AdamW", "Adamax", "SGD", "amsgrad", "Adagrad"],
)
@pytest.mark.usefixtures("only_traced")
def test_every_optimizer_and_a_learning_rate_schedule(optimizer):
    losses = []
    for compile in (False, True):
        history = fit(
            tiny_vae(),
            binary_data(16),
            epochs=4,
            batch_size=8,
            optimizer=optimizer,
            scheduler=lambda optim: torch.optim.lr_scheduler.ExponentialLR(optim, 0.5),
            compile=compile,
            progress=False,
            device="cpu",
        )
        losses.append(history.column("loss"))
        rates = history.column("learning_rate")
        assert rates[1] == rates[0] / 2
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.usefixtures("only_traced")
def test_tracing_leaves_buffers_gradients_and_random_numbers_alone():
    vae = tiny_vae(batch_norm=True).train()
    before = state(vae)
    random = torch.get_rng_state()
    first = (binary_data(6),)
    CompiledStep(vae, eager_step(vae, ELBO()), first)
    assert same(state(vae), before)
    assert all(parameter.grad is None for parameter in vae.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.distributions.Distribution._validate_args
    assert len(pyro.get_param_store()) == 0


def test_a_short_run_is_not_compiled_and_says_so(monkeypatch):
    monkeypatch.setattr(torch._inductor, "compile", lambda *a, **k: pytest.fail("compiled"))
    history = fit(tiny_vae(), binary_data(24), epochs=6, batch_size=6, progress=False)
    assert "too short to earn it" in history.compiled


@pytest.mark.usefixtures("only_traced")
def test_a_long_run_is_compiled_on_its_way(monkeypatch):
    monkeypatch.setattr("pyrovae.compilation.auto.WORTH_COMPILING", 0.0)
    compiled, eager = tiny_vae(), tiny_vae()
    arguments = {"epochs": 6, "batch_size": 6, "progress": False, "device": "cpu"}
    history = fit(compiled, binary_data(24), **arguments)
    assert history.compiled.startswith("compiled in")
    fit(eager, binary_data(24), compile=False, **arguments)
    for name, tensor in state(eager).items():
        torch.testing.assert_close(state(compiled)[name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("only_traced")
def test_a_run_that_was_compiled_goes_on_compiled(monkeypatch, tmp_path):
    monkeypatch.setattr("pyrovae.compilation.auto.WORTH_COMPILING", 0.0)
    arguments = {"batch_size": 2, "progress": False, "device": "cpu"}
    whole, parted = tiny_vae(), tiny_vae()
    fit(whole, binary_data(24), epochs=4, **arguments)
    path = tmp_path / "run.pt"
    fit(parted, binary_data(24), epochs=2, checkpoint=path, **arguments)
    monkeypatch.setattr("pyrovae.compilation.auto.WORTH_COMPILING", 1e9)
    history = fit(parted, binary_data(24), epochs=4, checkpoint=path, resume=True, **arguments)
    assert history.compiled.startswith("compiled in")
    assert same(state(whole), state(parted))


@pytest.mark.usefixtures("only_traced")
def test_another_form_or_mode_is_stepped_eagerly():
    vae = tiny_vae(batch_norm=True).train()
    compiled = CompiledStep(vae, eager_step(vae, ELBO()), (binary_data(6),))
    assert compiled.fits((binary_data(6, seed=1),))
    assert not compiled.fits((binary_data(5),))
    assert not compiled.fits((binary_data(6).double(),))
    assert not compiled.fits((torch.empty(4, 6).t(),))
    next(vae.parameters()).requires_grad_(False)
    assert not compiled.fits((binary_data(6),))
    next(vae.parameters()).requires_grad_(True)
    vae.eval()
    assert not compiled.fits((binary_data(6),))
