"""Makes optimizers and schedulers from the arguments of `fit`."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

__all__ = [
    "MakeOptimizer",
    "MakeScheduler",
    "make_optimizer",
    "make_scheduler",
]

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
MakeScheduler = Callable[[Optimizer], LRScheduler]

WRITE = "functools.partial(torch.optim.Adam, lr=1e-3)"


def make_optimizer(
    given: Optimizer | MakeOptimizer | None, parameters: Sequence[nn.Parameter]
) -> Optimizer:
    """Returns the optimizer of some parameters.

    Args:
        given: An optimizer of these parameters, or a function that makes one; Adam with a learning
            rate of 1e-3 if None.
        parameters: The parameters to train.

    Raises:
        ValueError: If ``given`` is something else, or cannot be used here.
    """
    if given is None:
        given = partial(torch.optim.Adam, lr=1e-3, fused=True)
    if isinstance(given, Optimizer):
        optimizer = given
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if held != {id(p) for p in parameters}:
            raise ValueError(
                f"optimizer: it must hold exactly the model's {len(parameters)} trainable "
                f"parameters, but this {_name(given)} holds {len(held)}; pass a function that "
                f"makes it instead, such as {WRITE}"
            )
    else:
        if not callable(given) or type(given).__module__.startswith("pyro."):
            raise ValueError(
                "optimizer: expected a function that takes the parameters and returns a torch "
                f"optimizer, such as {WRITE}, got {_name(given)}"
            )
        try:
            optimizer = given(parameters)
        except TypeError as error:
            raise ValueError(
                "optimizer: expected a function of the parameters only that returns a torch "
                f"optimizer, such as {WRITE}, but {_name(given)} fails: {error}"
            ) from error
        if not isinstance(optimizer, Optimizer):
            raise ValueError(
                f"optimizer: expected a function that returns a torch optimizer, such as {WRITE}, "
                f"but it returned {_name(optimizer)}"
            )
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise ValueError(
            f"optimizer: {_name(optimizer)} evaluates the loss several times a step, which is not "
            "possible with a loss of random draws"
        )
    if isinstance(optimizer, torch.optim.SparseAdam):
        raise ValueError("optimizer: SparseAdam needs sparse gradients, but these are dense")
    return optimizer


def make_scheduler(
    given: LRScheduler | MakeScheduler | None, optimizer: Optimizer, *, moves: str
) -> LRScheduler | None:
    """Returns the scheduler of an optimizer.

    Args:
        given: A scheduler of this optimizer, a function that makes one, or None.
        optimizer: The optimizer.
        moves: "epoch" or "step".

    Raises:
        ValueError: If ``given`` is something else, or is of another optimizer.
    """
    if given is None:
        return None
    example = "functools.partial(torch.optim.lr_scheduler.StepLR, step_size=10)"
    scheduler = given
    if not isinstance(given, LRScheduler):
        if not callable(given):
            raise ValueError(
                "scheduler: expected a function that takes the optimizer and returns a torch "
                f"scheduler, such as {example}, got {_name(given)}"
            )
        try:
            scheduler = given(optimizer)
        except TypeError as error:
            raise ValueError(
                "scheduler: expected a function of the optimizer only that returns a torch "
                f"scheduler, such as {example}, but {_name(given)} fails: {error}"
            ) from error
    if not isinstance(scheduler, LRScheduler):
        raise ValueError(
            f"scheduler: expected a function that returns a torch scheduler, such as {example}, "
            f"but it returned {_name(scheduler)}"
        )
    if scheduler.optimizer is not optimizer:
        raise ValueError(
            "scheduler: expected a scheduler of the optimizer that trains, got one of a "
            f"different optimizer; pass a function that makes it instead, such as {example}"
        )
    if moves == "step" and isinstance(scheduler, ReduceLROnPlateau):
        raise ValueError(
            "scheduler_moves: expected 'epoch' for ReduceLROnPlateau, which waits for an epoch's "
            "validation loss, got 'step'"
        )
    return scheduler


def _name(value: Any) -> str:
    return repr(value) if isinstance(value, str | int | float) else type(value).__name__
