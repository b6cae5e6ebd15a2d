"""The rules of an update are those of torch's optimizers."""

import copy
import math

import pytest
import torch
from torch.optim import SGD, Adagrad, Adam, Adamax, AdamW
from torch.optim.lr_scheduler import ExponentialLR

from pyrovae.training.device_update import DeviceUpdate
from pyrovae.training.update import Update

OPTIMIZERS = {
    "Adam": lambda p: Adam(p, lr=0.1, fused=True),
    "Adam-decay": lambda p: Adam(p, lr=0.1, betas=(0.8, 0.9), weight_decay=0.1),
    "Adam-groups": lambda p: Adam([{"params": p[:1], "lr": 0.01}, {"params": p[1:], "eps": 0.1}]),
    "AdamW": lambda p: AdamW(p, lr=0.1, weight_decay=0.1),
    "Adamax": lambda p: Adamax(p, lr=0.1, weight_decay=0.1),
    "SGD": lambda p: SGD(p, lr=0.1, weight_decay=0.1),
    "SGD-momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "SGD-Nesterov": lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True),
}
FINE = torch.zeros(())
of_both_kinds = pytest.mark.parametrize("kind", [Update, DeviceUpdate])


def leaves():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, generator=generator).requires_grad_() for n in (3, 4, 5)]


def fill(*lists):
    for same in zip(*lists, strict=True):
        gradient = torch.randn(same[0].shape)
        for parameter in same:
            parameter.grad = gradient.clone()


def move(update, parameters, loss=FINE):
    assert update.read()
    with torch.no_grad():
        update(parameters, loss)


def assert_alike(first, second):
    """Parameters and state: a rule rounds in another order than a kernel."""
    parameters = [
        [p.detach() for g in o.param_groups for p in g["params"]] for o in (first, second)
    ]
    torch.testing.assert_close(*parameters, rtol=1e-5, atol=1e-6)
    for a, b in zip(first.state.values(), second.state.values(), strict=True):
        kept = {name: value for name, value in a.items() if isinstance(value, torch.Tensor)}
        torch.testing.assert_close({name: b[name] for name in kept}, kept, rtol=1e-5, atol=1e-6)


@of_both_kinds
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_the_optimizers_own(name, kind):
    first, second = leaves(), leaves()
    reference, ours = OPTIMIZERS[name](first), OPTIMIZERS[name](second)
    update = kind(ours, second)
    torch.manual_seed(0)
    schedulers = [ExponentialLR(optim, 0.5) for optim in (reference, ours)]
    for i in range(12):
        fill(first, second)
        reference.step()
        if i == 7:  # an epoch's last batch
            ours.step()
        else:
            move(update, second)
        if i == 4:
            for scheduler in schedulers:
                scheduler.step()
        assert_alike(reference, ours)
    assert reference.state_dict()["param_groups"] == ours.state_dict()["param_groups"]


@of_both_kinds
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_nan_moves_nothing(name, kind):
    parameters = leaves()
    optimizer = OPTIMIZERS[name](parameters)
    update = kind(optimizer, parameters)
    fill(parameters)
    move(update, parameters)
    before = copy.deepcopy((parameters, optimizer.state_dict()))
    fill(parameters)
    parameters[0].grad[0] = math.nan
    move(update, parameters, torch.tensor(math.nan))
    torch.testing.assert_close((parameters, optimizer.state_dict()), before, rtol=0, atol=0)


@of_both_kinds
def test_a_state_that_was_loaded_is_taken_up(kind):
    first, second = leaves(), leaves()
    reference, ours = Adam(first, lr=0.1), Adam(second, lr=0.1)
    update = kind(ours, second)
    for i in range(6):
        fill(first, second)
        reference.step()
        move(update, second)
        if i == 2:
            saved = copy.deepcopy(reference.state_dict())
            saved["state"][0]["exp_avg"].zero_()
            saved["param_groups"][0]["lr"] = 0.02
            for optimizer in (reference, ours):
                optimizer.load_state_dict(copy.deepcopy(saved))
        assert_alike(reference, ours)


def test_a_parameter_without_a_gradient_stays():
    parameters = leaves()
    optimizer = Adam(parameters, lr=0.1)
    update = Update(optimizer, parameters)
    fill(parameters)
    parameters[1].grad = None
    before = copy.deepcopy(parameters)
    move(update, parameters)
    assert torch.equal(parameters[1], before[1])
    assert not torch.equal(parameters[0], before[0])
    steps = [state["step"].item() for state in optimizer.state.values()]
    assert steps == [1, 0, 1]
    assert update.read()  # those that move are at one step


class Own(Adam):
    """May do anything in its step."""


NO_RULE = {
    "another optimizer": lambda p: Adagrad(p),
    "a subclass": lambda p: Own(p),
    "amsgrad": lambda p: Adam(p, amsgrad=True),
    "maximize": lambda p: SGD(p, lr=0.1, maximize=True),
    "dampening": lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
    "another parameter": lambda p: SGD([*p, torch.zeros(2, requires_grad=True)], lr=0.1),
}


@pytest.mark.parametrize("name", NO_RULE)
def test_what_has_no_rule(name):
    parameters = leaves()
    optimizer = NO_RULE[name](parameters)
    with pytest.raises(ValueError, match="expected an optimizer whose update can be compiled"):
        Update(optimizer, parameters)
    assert not any(optimizer.state.values()) or name == "another optimizer"


def test_double_precision_has_no_rule():
    # The factors are in single precision.
    parameters = [leaf.detach().double().requires_grad_() for leaf in leaves()]
    with pytest.raises(ValueError, match="whose update can be compiled"):
        Update(SGD(parameters, lr=0.1), parameters)


def test_a_group_that_was_added_is_seen():
    *parameters, late = leaves()
    optimizer = Adam(parameters, lr=0.1)
    update = Update(optimizer, [*parameters, late])
    assert update.read()
    optimizer.add_param_group({"params": [late]})
    assert not update.read()


def test_what_changes_under_way_is_seen():
    parameters = leaves()
    optimizer = Adam(parameters, lr=0.1)
    update = Update(optimizer, parameters)
    assert update.read()
    optimizer.param_groups[0]["amsgrad"] = True
    assert not update.read()
    optimizer.param_groups[0]["amsgrad"] = False
    assert update.read()
    # A parameter that the optimizer moved alone is ahead of the others.
    for _ in range(3):
        fill(parameters)
        parameters[1].grad = None
        optimizer.step()
    assert not update.read()
    handle = optimizer.register_step_post_hook(lambda *_: None)
    fresh = leaves()
    with pytest.raises(ValueError, match="at the same step"):
        Update(optimizer, parameters)
    handle.remove()
    assert Update(Adam(fresh), fresh).read()


@pytest.mark.parametrize("name", ["Adam", "Adamax", "SGD-momentum"])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e3])
def test_where_linear_roundings_of_gradients_stay_roundings(name, size):
    torch.manual_seed(0)
    gradient, rounding = size * torch.randn(50), 1e-5 * size * torch.randn(50)
    gradient[::2] = 0  # but for roundings
    moved = []
    for g in (gradient, gradient + rounding):
        parameter = torch.zeros(50, requires_grad=True)
        parameter.grad = g.clone()
        optimizer = OPTIMIZERS[name]([parameter])
        update = Update(optimizer, [parameter])
        before = update.get_buffer("factors_0")
        with update.linearized(), torch.no_grad():
            update([parameter], FINE)
        assert torch.equal(update.get_buffer("factors_0"), before)
        moved.append(parameter.detach())
    # Adam itself would move each of them by its learning rate.
    distance = (moved[1] - moved[0]).abs().max() / moved[0].abs().max()
    assert 0 < distance < 1e-4
