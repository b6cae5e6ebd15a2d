"""Optimizers and schedulers: made from what `fit` was given, and taken up from a file."""

import inspect
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

__all__ = [
    "MakeOptimizer",
    "MakeScheduler",
    "hyperparameters",
    "load_optimizer",
    "make_optimizer",
    "make_scheduler",
    "take_new",
]

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
MakeScheduler = Callable[[Optimizer], LRScheduler]

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
WRITE = "functools.partial(torch.optim.Adam, lr=1e-3)"


def make_optimizer(
    given: Optimizer | MakeOptimizer | None, parameters: Sequence[nn.Parameter]
) -> Optimizer:
    """The optimizer of some parameters.

    Args:
        given: An optimizer of these parameters, or what makes one; Adam with a learning rate of
            1e-3 if None.
        parameters: What is trained.

    Raises:
        ValueError: If it is something else, or cannot be used here.
    """
    if given is None:
        given = partial(torch.optim.Adam, lr=1e-3, fused=True)
    if isinstance(given, Optimizer):
        optimizer = given
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if held != {id(p) for p in parameters}:
            raise ValueError(
                "optimizer: expected one of all parameters that the model trains and of no "
                f"others, got {_name(given)} of {len(held)} where the model has "
                f"{len(parameters)}; or give what makes it, such as {WRITE}"
            )
    else:
        if not callable(given) or type(given).__module__.startswith("pyro."):
            raise ValueError(
                f"optimizer: expected what makes a torch optimizer from the parameters, such as "
                f"{WRITE}, got {_name(given)}"
            )
        optimizer = given(parameters)
        if not isinstance(optimizer, Optimizer):
            raise ValueError(
                f"optimizer: expected what makes a torch optimizer, such as {WRITE}, but it made "
                f"{_name(optimizer)}"
            )
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise ValueError(
            f"optimizer: {_name(optimizer)} asks for the loss several times a step, which a loss "
            "of random draws does not allow"
        )
    if isinstance(optimizer, torch.optim.SparseAdam):
        raise ValueError("optimizer: SparseAdam takes sparse gradients, and these are dense")
    return optimizer


def make_scheduler(
    given: LRScheduler | MakeScheduler | None, optimizer: Optimizer, *, moves: str
) -> LRScheduler | None:
    """The scheduler of an optimizer.

    Args:
        given: A scheduler of this optimizer, what makes one, or None.
        optimizer: The optimizer.
        moves: "epoch" or "step".

    Raises:
        ValueError: If it is something else, or of another optimizer.
    """
    if given is None:
        return None
    example = "functools.partial(torch.optim.lr_scheduler.StepLR, step_size=10)"
    scheduler = given
    if not isinstance(given, LRScheduler):
        if not callable(given):
            raise ValueError(
                "scheduler: expected what makes a torch scheduler from the optimizer, such as "
                f"{example}, got {_name(given)}"
            )
        scheduler = given(optimizer)
    if not isinstance(scheduler, LRScheduler):
        raise ValueError(
            f"scheduler: expected what makes a torch scheduler, such as {example}, but it made "
            f"{_name(scheduler)}"
        )
    if scheduler.optimizer is not optimizer:
        raise ValueError(
            "scheduler: expected one of the optimizer that trains, got one of another; give what "
            f"makes it, such as {example}"
        )
    if moves == "step" and isinstance(scheduler, ReduceLROnPlateau):
        raise ValueError(
            "scheduler_moves: expected 'epoch' for ReduceLROnPlateau, which waits for an epoch's "
            "validation loss, got 'step'"
        )
    return scheduler


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
    optimizer.load_state_dict(dict(state))
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
    names = {name for group in hyperparameters(optimizer) for name in group}
    lacking = sorted(set(optimizer.defaults) - names - {"params", "foreach", "fused"})
    if lacking:
        raise ValueError(f"it is of another optimizer than {_name(optimizer)}: no {lacking[0]}")


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


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return tuple(a) == tuple(b) if isinstance(a, tuple | list) else a == b


def _name(value: Any) -> str:
    return repr(value) if isinstance(value, str | int | float) else type(value).__name__
