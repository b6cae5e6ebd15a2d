"""What a callback changes in the middle of a compiled run takes hold as in an eager one."""

import random
from collections import deque
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyro
import pytest
import torch
from test_compiled_numbers import Change, assert_alike, both, quiet
from tiny import binary_data, tiny_vae
from torch.optim import Adam
from torch.optim.optimizer import register_optimizer_step_pre_hook

from pyrovae import VAE, fit
from pyrovae.objectives import ELBO, BetaELBO
from pyrovae.training import Callback, CompiledSVI

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.usefixtures("only_traced"),
]


class Tamper(Callback):
    """Does something to training after its second epoch."""

    def __init__(self, what):
        self.what = what

    def on_epoch(self, training, row):
        if row["epoch"] == 2:
            self.what(training.optimizer)


def shorten(optimizer):
    group = optimizer.param_groups[0]
    group["params"] = group["params"][2:]


def move_to_another_group(optimizer):
    (group,) = optimizer.param_groups
    moved = group["params"].pop()
    optimizer.add_param_group({**group, "params": [moved], "lr": 0.5})


def of_each_state(change):
    return lambda optimizer: [change(state) for state in optimizer.state.values()]


def wrap(optimizer):
    plain = optimizer.step

    def step():
        optimizer.param_groups[0]["lr"] = 0.5
        plain()

    optimizer.step = step


CHANGES = {
    "parameters left out": shorten,
    "parameters removed": lambda optimizer: optimizer.param_groups[0]["params"].__delitem__(
        slice(2)
    ),
    "parameters in another group": move_to_another_group,
    "state cleared": lambda optimizer: optimizer.state.clear(),
    "a moment replaced": of_each_state(
        lambda state: state.update(exp_avg=torch.zeros_like(state["exp_avg"]))
    ),
    "a square replaced": of_each_state(
        lambda state: state.update(exp_avg_sq=torch.ones_like(state["exp_avg_sq"]))
    ),
    "a step replaced": of_each_state(lambda state: state.update(step=torch.tensor(0.0))),
    "a step of one's own": wrap,
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_an_optimizer_holds(name):
    options = {"optimizer": partial(Adam, lr=0.05), "callbacks": [Tamper(CHANGES[name])]}
    assert_alike(both(lambda: (tiny_vae(), {}), **options))


def test_a_hook_of_all_optimizers():
    handles = []

    def hook(optimizer, *_):
        optimizer.param_groups[0]["lr"] = 0.2

    def change(_):
        handles.append(register_optimizer_step_pre_hook(hook))

    def run():
        while handles:
            handles.pop().remove()
        return tiny_vae(), {"callbacks": [Tamper(change)], "optimizer": partial(Adam, lr=0.05)}

    try:
        assert_alike(both(run))
    finally:
        handles.pop().remove()


def scaled(by):
    return lambda module, inputs, found: by * found


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_hook_in_the_place_of_another(everywhere):
    handles = []

    def run():
        vae = tiny_vae()
        network = vae.likelihood.network
        handle = network.register_forward_hook(scaled(1.0))

        def change(model):
            handle.remove()
            if everywhere:
                at = torch.nn.modules.module.register_module_forward_hook
                handles.append(at(lambda m, i, o: 3 * o if m is network else None))
            else:
                network.register_forward_hook(scaled(3.0))

        return vae, {"callbacks": [Change(change, epoch=2)]}

    def both_clean():
        results = []
        for compile in (False, True):
            model, more = run()
            history = quiet(model, binary_data(24), compile=compile, **more)
            results.append((dict(model.state_dict()), history.column("loss"), history.compiled))
            while handles:
                handles.pop().remove()
        return results

    results = both_clean()
    assert_alike(results)
    assert "then uncompiled: modes, hooks" in results[1][2]


@dataclass(slots=True)
class Slotted:
    by: float = 1.0


class Reading(VAE):
    """A user's model that reads something that it holds."""

    read = staticmethod(lambda held: held)

    def model(self, x):
        with self.data_plate(x):
            z = pyro.sample("z", self.prior())
            return pyro.sample("x", self.likelihood(self.read(self.held) * z), obs=x)


def reading(held, read):
    plain = tiny_vae()
    vae = Reading(plain.prior, plain.posterior, plain.likelihood)
    vae.held, vae.read = held(), read
    return vae


HELD = {
    "NumPy's number": (
        lambda: np.float32(1),
        float,
        lambda vae: setattr(vae, "held", np.float32(3)),
    ),
    "slots": (Slotted, lambda h: h.by, lambda vae: setattr(vae.held, "by", 3.0)),
    "another object with slots": (
        Slotted,
        lambda h: h.by,
        lambda vae: setattr(vae, "held", Slotted(3.0)),
    ),
    "an array": (
        lambda: np.ones(1),
        lambda h: float(h[0]),
        lambda vae: vae.held.__setitem__(0, 3.0),
    ),
    "a deque": (
        lambda: deque([1.0]),
        lambda h: h[0],
        lambda vae: vae.held.__setitem__(0, 3.0),
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_numbers_that_are_not_in_a_dict(name):
    held, read, change = HELD[name]
    with pytest.warns(UserWarning, match="training is compiled again: model.held"):
        results = both(lambda: (reading(held, read), {}), callbacks=[Change(change, epoch=2)])
    assert_alike(results)
    assert results[1][2].startswith("compiled in")


LOOKS = {
    "float": float,
    "int": int,
    "bool": lambda w: 2.0 if w else 1.0,
    "list": lambda w: w.tolist(),
    "array": lambda w: float(w.numpy()),
    "index": lambda w: [0.0, 1.0, 2.0, 3.0][w.long()],
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_tensor_that_becomes_a_number_is_not_compiled(name):
    def run():
        vae = reading(lambda: torch.tensor(1.0), LOOKS[name])
        return vae, {"callbacks": [Change(lambda m: m.held.fill_(3.0), epoch=2)]}

    with pytest.warns(UserWarning, match=r"continues uncompiled"):
        results = both(run)
    assert_alike(results)


@pytest.mark.parametrize("draw", [random.random, np.random.rand])
def test_random_numbers_that_a_trace_does_not_see(draw):
    vae = reading(lambda: 1.0, lambda held: held + 0.1 * (draw() < 2))  # whatever is drawn
    with pytest.warns(UserWarning, match="random numbers of Python or NumPy"):
        history = quiet(vae, binary_data(24), compile=True)
    assert history.compiled.startswith("not compiled")


def test_a_generator_of_ones_own_goes_on_uncompiled():
    vae = reading(
        lambda: torch.Generator().manual_seed(0), lambda held: torch.rand((), generator=held)
    )
    with pytest.warns(UserWarning, match="continues uncompiled: .*Generator"):
        quiet(vae, binary_data(24), compile=True)


def test_a_frozen_parameter_is_said_to_end_the_compiled_steps():
    def freeze(model):
        next(model.likelihood.parameters()).requires_grad_(False)

    results = both(lambda: (tiny_vae(), {}), callbacks=[Change(freeze, epoch=2)])
    assert_alike(results)
    assert results[1][2].startswith("compiled in")
    assert "then uncompiled" in results[1][2]


def test_a_parameter_of_another_form_is_stepped_uncompiled():
    def transpose(model):
        weight = model.likelihood.network.layers[-1].weight
        weight.data = weight.data.t().contiguous().t()

    results = both(lambda: (tiny_vae(), {}), callbacks=[Change(transpose, epoch=2)])
    assert_alike(results)
    assert "then uncompiled" in results[1][2]


def test_a_limit_that_a_callback_moves():
    class Never(Callback):
        def on_epoch(self, training, row):
            if row["epoch"] == 2:
                training.skips.largest = 1e-9

    with pytest.warns(UserWarning, match="skipped|compiled again"):
        results = both(lambda: (tiny_vae(), {}), callbacks=[Never()], skip_norm=1e9)
    assert_alike(results)


def test_no_gradient_of_an_earlier_step_is_left():
    seen = []

    class Looking(Callback):
        def on_step(self, training, loss):
            if training.take_step.compiled:
                seen.append([p.grad for p in training.model.parameters()])

    # The last batch of each epoch is smaller, and stepped eagerly.
    fit(
        tiny_vae(),
        binary_data(22),
        batch_size=6,
        epochs=3,
        compile=True,
        progress=False,
        callbacks=[Looking()],
    )
    assert len(seen) == 9
    assert all(gradient is None for gradients in seen for gradient in gradients)


def test_objective_and_optimizer_of_a_compiled_loop_cannot_be_replaced():
    vae = tiny_vae()
    svi = CompiledSVI(vae.model, vae.guide, Adam, ELBO())
    with pytest.raises(AttributeError, match="optim"):
        svi.optim = Adam(vae.parameters())
    with pytest.raises(AttributeError, match="loss"):
        svi.loss = BetaELBO()
