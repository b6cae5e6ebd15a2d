"""Hyperparameters and states of optimizers and schedulers, read from files and changed."""

import copy
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

__all__ = [
    "hyperparameters",
    "load_optimizer",
    "load_scheduler",
    "scheduler_state",
    "take_new",
    "take_new_schedule",
]

PLAIN = (bool, int, float, str, type(None))


def hyperparameters(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Returns the hyperparameters of each parameter group, as plain values."""
    return [
        {name: plain for name, value in group.items() if (plain := _plain(value)) is not _NOTHING}
        for group in optimizer.param_groups
    ]


def load_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Restores an optimizer's state.

    Raises:
        ValueError: If it is of another optimizer or of other parameters, or contains NaN.
    """
    fresh = hyperparameters(optimizer)
    optimizer.load_state_dict(dict(state))
    for group, values in zip(optimizer.param_groups, fresh, strict=True):
        for name, value in values.items():
            if name not in group:
                kind = type(optimizer).__name__
                raise ValueError(
                    f"the checkpoint is of another optimizer: it has no {name!r}, which {kind} "
                    "needs"
                )
            if not _alike(_plain(group[name]), value):
                raise ValueError(
                    f"{name}: expected a value like {value!r}, got {group[name]!r:.40}"
                )
    _check_states(optimizer, _states_of_a_step(optimizer))


def _states_of_a_step(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Returns the state that a step creates for each parameter, found on a copy of both."""
    twin = copy.deepcopy(optimizer)
    twin.state.clear()
    # Torch copies its own attributes. Of the others, "step" is the original's: a scheduler set it.
    for name, value in vars(optimizer).items():
        if name != "step" and name not in vars(twin):
            setattr(twin, name, copy.deepcopy(value))
    parameters = [p for group in twin.param_groups for p in group["params"]]
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    twin.step()
    return [dict(twin.state.get(parameter, {})) for parameter in parameters]


def _check_states(optimizer: Optimizer, made: Sequence[Mapping[str, Any]]) -> None:
    """Checks that the state read for each parameter has the form that a step creates."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for i, (parameter, wanted) in enumerate(zip(parameters, made, strict=True)):
        values = optimizer.state.get(parameter)
        if not values:
            continue  # this parameter has never had a gradient
        for name in wanted.keys() | values.keys():
            if name not in values or name not in wanted:
                lacking = "lacks" if name not in values else "has"
                raise ValueError(f"state.{i}: it {lacking} {name!r:.40}")
            _check_state(f"state.{i}.{name}", values[name], wanted[name])


def _check_state(where: str, value: Any, wanted: Any) -> None:
    if not isinstance(wanted, Tensor):
        if not _alike(_plain(value), _plain(wanted)):
            raise ValueError(f"{where}: expected a value like {wanted!r:.40}, got {value!r:.40}")
        return
    if not isinstance(value, Tensor):
        raise ValueError(f"{where}: expected a tensor, got {value!r:.40}")
    if value.shape != wanted.shape or value.is_floating_point() != wanted.is_floating_point():
        raise ValueError(
            f"{where}: expected {wanted.dtype} of shape {tuple(wanted.shape)}, "
            f"got {value.dtype} of shape {tuple(value.shape)}"
        )
    if value.isnan().any():
        raise ValueError(f"{where}: it contains NaN")


def scheduler_state(scheduler: LRScheduler) -> dict[str, Any]:
    """Returns a scheduler's state, with plain dicts in place of torch's own types."""
    return _in_dicts(scheduler.state_dict())


def _in_dicts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_dicts(item) for key, item in value.items()}
    return [_in_dicts(item) for item in value] if type(value) is list else value


def load_scheduler(scheduler: LRScheduler, state: Mapping[str, Any]) -> None:
    """Restores a scheduler's state.

    Raises:
        ValueError: If it is of another kind of scheduler.
    """
    for name, value in scheduler_state(scheduler).items():
        fresh = _plain(value)
        if name not in state:
            kind = type(scheduler).__name__
            raise ValueError(
                f"the checkpoint is of another scheduler: it has no {name!r}, which {kind} needs"
            )
        if fresh is not _NOTHING and not _alike(_plain(state[name]), fresh):
            raise ValueError(f"{name}: expected a value like {fresh!r}, got {state[name]!r:.40}")
    scheduler.load_state_dict(dict(state))


def take_new(
    optimizer: Optimizer,
    scheduler: LRScheduler | None,
    given: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
) -> None:
    """Applies the hyperparameters that differ when training resumes, and warns about them.

    A new learning rate rescales the scheduler's learning rates in proportion.

    Args:
        optimizer: The optimizer, with the hyperparameters of the checkpoint.
        scheduler: The scheduler, likewise.
        given: The hyperparameters with which the optimizer was made now.
        before: The hyperparameters with which it was made when training began.
    """
    for i, (group, new, old) in enumerate(zip(optimizer.param_groups, given, before, strict=True)):
        for name, value in new.items():
            former = old.get(name, value)
            if _same(value, former) or name in ("foreach", "fused"):
                continue
            if name == "lr" and scheduler is not None and former:
                _stretch(group, scheduler, i, float(value) / float(former))
            elif isinstance(group.get(name), Tensor):
                group[name].fill_(value)
            else:
                group[name] = value
            warnings.warn(
                f"resume: {name} is {value} from now on; the run was started with {former}",
                stacklevel=5,
            )


def take_new_schedule(
    scheduler: LRScheduler, given: Mapping[str, Any], before: Mapping[str, Any]
) -> None:
    """Applies the numbers of a scheduler that differ when training resumes, and warns about them.

    Args:
        scheduler: The scheduler, with the state of the checkpoint.
        given: Its state as it was made now.
        before: Its state as it was made when training began.

    Raises:
        ValueError: If what differs is a scheduler within it.
    """
    was = _without_rates(before)
    for name, value in _without_rates(given).items():
        former = was.get(name, value)
        if _same(value, former):
            continue
        if name == "_schedulers":
            raise ValueError(
                "expected the schedulers that the run was started with, whose numbers cannot be "
                "changed in the middle, got others"
            )
        setattr(scheduler, name, value)
        warnings.warn(
            f"resume: the scheduler's {name} is {value!r:.60} from now on; the run was started "
            f"with {former!r:.60}",
            stacklevel=5,
        )


def _without_rates(state: Any) -> Any:
    """A scheduler's state without learning rates: they are the optimizer's, see `take_new`."""
    if isinstance(state, Mapping):
        kept = {k: v for k, v in state.items() if k not in ("base_lrs", "_last_lr")}
        return {key: _without_rates(value) for key, value in kept.items()}
    return [_without_rates(item) for item in state] if isinstance(state, list) else state


def _stretch(group: dict[str, Any], scheduler: LRScheduler, i: int, ratio: float) -> None:
    for name in ("lr", "initial_lr", "max_lr", "min_lr"):
        if isinstance(group.get(name), Tensor):
            group[name].mul_(ratio)
        elif name in group:
            group[name] = group[name] * ratio
    if hasattr(scheduler, "base_lrs"):
        scheduler.base_lrs[i] = scheduler.base_lrs[i] * ratio


_NOTHING = object()


def _plain(value: Any) -> Any:
    """Returns a hyperparameter as a plain value, or `_NOTHING` if it is not one."""
    if isinstance(value, Tensor) and value.dim() == 0:
        return value.item()
    if isinstance(value, tuple | list):
        values = [_plain(item) for item in value]
        return _NOTHING if any(item is _NOTHING for item in values) else tuple(values)
    return value if isinstance(value, PLAIN) else _NOTHING


def _alike(a: Any, b: Any) -> bool:
    """Whether one hyperparameter can replace another: numbers for numbers, flags for flags."""
    if isinstance(b, tuple):
        return isinstance(a, tuple) and len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(b, bool) or b is None:
        return isinstance(a, bool | int | float) or a is None
    if isinstance(b, int | float):
        return isinstance(a, int | float) and not math.isnan(a)
    return type(a) is type(b)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return tuple(a) == tuple(b) if isinstance(a, tuple | list) else a == b
