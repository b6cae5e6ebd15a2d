"""Between the first and the last step of an epoch nothing asks for the value of a tensor.

On an accelerator each such question waits until all that was asked for before is done.
"""

import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import torch
from tiny import binary_data, tiny_vae
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from pyrovae import fit
from pyrovae.datasets import TensorSplit
from pyrovae.objectives import ELBO, ImportanceWeightedELBO
from pyrovae.schedules import LinearWarmup
from pyrovae.training import Callback, WeightAverage
from pyrovae.training.device_update import DeviceUpdate

aten = torch.ops.aten
# What gives a number, a condition, or a tensor whose size depends on values.
ASKING = {
    aten._local_scalar_dense.default,
    aten.equal.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten._unique2.default,
}
# Those that look where looking is free, on the CPU alone.
ON_THE_CPU = {"divergence.py: _look", "step.py: _move"}
# They copy the memory, and no operation is seen below them.
COPYING = {torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.__array__}


class Listener:
    """Calls a function for each question."""

    def __init__(self, heard):
        super().__init__()
        self.heard = heard


class Operations(Listener, TorchDispatchMode):
    """Listens for operations that ask for a value."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in ASKING:
            self.heard()
        return func(*args, **(kwargs or {}))


class Methods(Listener, TorchFunctionMode):
    """Listens for the methods that no operation is seen below."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in COPYING:
            self.heard()
        return func(*args, **(kwargs or {}))


class Asked(ExitStack):
    """Notes which function of the library asks for a value."""

    def __init__(self):
        super().__init__()
        self.by = set()

    def __enter__(self):
        for mode in (Operations, Methods):
            self.enter_context(mode(self.heard))
        return self

    def heard(self):
        frame = sys._getframe(1)
        while "pyrovae" not in Path(frame.f_code.co_filename).parts:
            frame = frame.f_back
        self.by.add(f"{Path(frame.f_code.co_filename).name}: {frame.f_code.co_name}")


class Between(Callback):
    """Listens from the end of a step to the end of another one."""

    def __init__(self, first, last):
        self.first, self.last, self.asked = first, last, Asked()

    def on_step(self, training, loss):
        if training.step == self.first:
            self.asked.__enter__()
        if training.step == self.last:
            self.asked.__exit__(None, None, None)


def options():
    """Whatever is done at a step, in two runs."""
    one = {"beta": LinearWarmup(4), "clip_norm": 1.0, "skip_norm": 1e6}
    one |= {"average": WeightAverage(0.9), "scheduler_moves": "step"}
    one["scheduler"] = partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.99)
    other = {"objective": ImportanceWeightedELBO(num_particles=3), "precision": "bf16"}
    other["optimizer"] = partial(torch.optim.SGD, lr=1e-3, momentum=0.9)
    return one, other


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize("compile", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("given", options(), ids=["limits", "particles"])
def test_no_step_asks_for_a_value(given, compile, monkeypatch):
    # The update that an accelerator has; the CPU's reads the count of steps.
    monkeypatch.setattr("pyrovae.training.compiled.Update", DeviceUpdate)
    between = Between(2, 8)
    split = TensorSplit(torch.rand(40, 4), binarization="dynamic")
    history = fit(
        tiny_vae(),
        split,
        epochs=1,
        batch_size=4,
        compile=compile,
        callbacks=[between],
        progress=False,
        device="cpu",
        **given,
    )
    assert history.compiled.startswith("compiled in") == compile
    assert between.asked.by <= ON_THE_CPU


def test_asking_is_heard():
    with Asked() as asked:
        fit(tiny_vae(), binary_data(8), objective=ELBO(), epochs=1, progress=False, device="cpu")
    assert "divergence.py: _look" in asked.by
    assert "epoch.py: _end" in asked.by  # a list
    assert "step.py: _move" in asked.by
