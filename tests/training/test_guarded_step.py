"""A guarded step is the optimizer's own, or none."""

import copy
import math

import pytest
import torch
from torch.optim import SGD, Adagrad, Adam, Adamax, AdamW
from torch.optim.lr_scheduler import ExponentialLR

from pyrovae.training.guarded_step import GuardedStep

OPTIMIZERS = {
    "Adam": lambda p: Adam(p, lr=0.1, fused=True),
    "AdamW-amsgrad": lambda p: AdamW(p, lr=0.1, amsgrad=True, fused=True),
    "SGD-momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, fused=True),
    "Adagrad": lambda p: Adagrad(p, lr=0.1, fused=True),
    "Adamax": lambda p: Adamax(p, lr=0.1),
    "Adam-groups": lambda p: Adam([{"params": p[:1], "lr": 0.01}, {"params": p[1:]}], fused=True),
}
FUSED = [name for name in OPTIMIZERS if name != "Adamax"]
FINE = torch.zeros(())


def twins(name):
    """Two optimizers of equal parameters, the second behind a guard."""
    generator = torch.Generator().manual_seed(0)
    first = [torch.randn(n, generator=generator).requires_grad_() for n in (3, 4, 5)]
    second = copy.deepcopy(first)
    ours = OPTIMIZERS[name](second)
    return first, OPTIMIZERS[name](first), second, ours, GuardedStep(ours)


def fill(*lists, without=()):
    for i, pair in enumerate(zip(*lists, strict=True)):
        grad = None if i in without else torch.randn(pair[0].shape)
        for parameter in pair:
            parameter.grad = None if grad is None else grad.clone()


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_the_optimizers_own(name):
    first, reference, second, ours, guard = twins(name)
    torch.manual_seed(0)
    schedulers = [ExponentialLR(optim, 0.5) for optim in (reference, ours)]
    for i in range(12):
        fill(first, second, without=[1] if i == 7 else [])
        reference.step()
        guard(FINE)
        if i == 4:
            for scheduler in schedulers:
                scheduler.step()
        assert equal(first, second)
    assert reference.state_dict()["param_groups"] == ours.state_dict()["param_groups"]
    for a, b in zip(reference.state.values(), ours.state.values(), strict=True):
        assert all(torch.equal(a[k], b[k]) for k in a if isinstance(a[k], torch.Tensor))


@pytest.mark.parametrize("name", FUSED)
def test_kernels_are_called_directly_once_they_are_known(name, monkeypatch):
    first, _, second, ours, guard = twins(name)
    for _ in range(3):
        fill(first, second)
        guard(FINE)
    monkeypatch.setattr(ours, "step", lambda: pytest.fail("the optimizer stepped itself"))
    before = copy.deepcopy(second)
    fill(first, second)
    guard(FINE)
    assert not equal(before, second)


def test_another_state_is_taken_up():
    first, reference, second, ours, guard = twins("Adam")
    torch.manual_seed(0)
    for i in range(8):
        fill(first, second)
        reference.step()
        guard(FINE)
        if i == 4:
            saved = copy.deepcopy(reference.state_dict())
            saved["state"][0]["exp_avg"].zero_()
            for optim in (reference, ours):
                optim.load_state_dict(copy.deepcopy(saved))
        assert equal(first, second)


def test_hooks_and_steps_of_ones_own_are_called():
    class Counting(Adam):
        steps = 0

        def step(self, closure=None):
            self.steps += 1
            return super().step(closure)

    first, _, second, ours, guard = twins("Adam")
    own = Counting(first, fused=True)
    counted = GuardedStep(own)
    hooked = []
    for i in range(6):
        fill(first, second)
        guard(FINE)
        counted(FINE)
        if i == 3:
            ours.register_step_post_hook(lambda *_: hooked.append(1))
    assert own.steps == 6
    assert len(hooked) == 2


@pytest.mark.parametrize("name", ["Adam", "Adamax"])
def test_a_nan_moves_nothing(name):
    first, _, second, _, guard = twins(name)
    for _ in range(4):
        fill(first, second)
        guard(FINE)
    before = copy.deepcopy(second)
    fill(first, second)
    guard(torch.tensor(math.nan))
    assert equal(before, second)
