"""The hyperparameters and states of optimizers and schedulers, in files and given anew."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

__all__ = [
    "hyperparameters",
    "load_optimizer",
    "load_scheduler",
    "scheduler_state",
    "take_new",
]

PLAIN = (bool, int, float, str, type(None))
# Tensors of an optimizer's state that have their parameter's shape.
LIKE_PARAMETER = {
    "acc_delta",
    "exp_avg",
    "exp_avg_sq",
    "exp_inf",
    "grad_avg",
    "max_exp_avg_sq",
    "momentum_buffer",
    "square_avg",
    "sum",
}


def hyperparameters(optimizer: Optimizer) -> list[dict[str, Any]]:
    """The hyperparameters of each group of parameters, as plain values."""
    return [
        {name: plain for name, value in group.items() if (plain := _plain(value)) is not _NOTHING}
        for group in optimizer.param_groups
    ]


def load_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Takes up an optimizer's state.

    Raises:
        ValueError: If it is of another optimizer or other parameters, or NaN is in it.
    """
    fresh = hyperparameters(optimizer)
    optimizer.load_state_dict(dict(state))
    for group, values in zip(optimizer.param_groups, fresh, strict=True):
        for name, value in values.items():
            if name not in group:
                kind = type(optimizer).__name__
                raise ValueError(f"it is of another optimizer than {kind}, whose {name} it lacks")
            if not _alike(_plain(group[name]), value):
                raise ValueError(
                    f"{name}: expected a value like {value!r}, got {group[name]!r:.40}"
                )
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if not isinstance(value, Tensor):
                continue
            if name in LIKE_PARAMETER and value.shape != parameter.shape:
                raise ValueError(
                    f"{name} has shape {tuple(value.shape)}, and its parameter "
                    f"{tuple(parameter.shape)}"
                )
            if value.isnan().any():
                raise ValueError(f"there is NaN in {name}")


def scheduler_state(scheduler: LRScheduler) -> dict[str, Any]:
    """A scheduler's state, in plain dicts where torch has kinds of its own."""
    return _in_dicts(scheduler.state_dict())


def _in_dicts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_dicts(item) for key, item in value.items()}
    return [_in_dicts(item) for item in value] if type(value) is list else value


def load_scheduler(scheduler: LRScheduler, state: Mapping[str, Any]) -> None:
    """Takes up a scheduler's state.

    Raises:
        ValueError: If it is of another kind of scheduler.
    """
    for name, value in scheduler_state(scheduler).items():
        fresh = _plain(value)
        if name not in state:
            kind = type(scheduler).__name__
            raise ValueError(f"it is of another scheduler than {kind}, whose {name} it lacks")
        if fresh is not _NOTHING and not _alike(_plain(state[name]), fresh):
            raise ValueError(f"{name}: expected a value like {fresh!r}, got {state[name]!r:.40}")
    scheduler.load_state_dict(dict(state))


def take_new(
    optimizer: Optimizer,
    scheduler: LRScheduler | None,
    given: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
) -> None:
    """Takes those hyperparameters that were given anew when training goes on, and says so.

    A new learning rate stretches what the scheduler has made of the former one.

    Args:
        optimizer: The optimizer, with the hyperparameters of the checkpoint.
        scheduler: The scheduler, likewise.
        given: The hyperparameters that the optimizer was made with now.
        before: Those that it was made with when training began.
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
                f"resume: {name} is {value} from now on, where the run was begun with {former}",
                stacklevel=5,
            )


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
    """A hyperparameter as a plain value; nothing for what is none."""
    if isinstance(value, Tensor) and value.dim() == 0:
        return value.item()
    if isinstance(value, tuple | list):
        values = [_plain(item) for item in value]
        return _NOTHING if any(item is _NOTHING for item in values) else tuple(values)
    return value if isinstance(value, PLAIN) else _NOTHING


def _alike(a: Any, b: Any) -> bool:
    """Whether one hyperparameter may stand for another: numbers for numbers, flags for flags."""
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
