"""How optimizers move a parameter, in tensor operations."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import SGD, Adam, Adamax, AdamW, Optimizer
from torch.optim import optimizer as all_optimizers

__all__ = ["Group", "Rule", "Tensors", "rule_of", "steps_otherwise"]

Group = dict[str, Any]  # an optimizer's parameter group: parameters and hyperparameters
Tensors = Sequence[Tensor]


class Rule(NamedTuple):
    """How an optimizer moves a parameter.

    Attributes:
        state: The names of its tensors in the optimizer's state.
        numbers: Computes a group's hyperparameters, and numbers that depend only on these.
        factors: Computes the numbers of a step from these numbers and the number of earlier steps:
            floats with the functions of ``math``, or 0-dim tensors with those of ``torch``.
        move: Computes the new parameter and state from the old ones, the gradient and the factors.
    """

    state: tuple[str, ...]
    numbers: Callable[[Group], list[float]]
    factors: Callable[[Sequence[Any], Any, Any], list[Any]]
    move: Callable[[Tensors, Tensor, Tensors], list[Tensor]]


def _log(decay: float) -> float:
    return math.log(decay) if decay else -math.inf


def _adam_numbers(group: Group) -> list[float]:
    rate, decay, decoupled = group["lr"], group["weight_decay"], group["decoupled_weight_decay"]
    first, second = map(float, group["betas"])
    return [
        0.0 if decoupled else decay,
        1 - float(rate) * decay if decoupled else 1.0,
        1 - first,
        second,
        1 - second,
        float(rate),
        group["eps"],
        _log(first),
        _log(second),
    ]


def _adam_factors(numbers: Sequence[Any], steps: Any, functions: Any) -> list[Any]:
    *kept, rate, eps, log_first, log_second = numbers
    # 1 - beta^t without cancellation, in single precision too.
    size = rate / -functions.expm1((steps + 1) * log_first)
    root = 1 / functions.sqrt(-functions.expm1((steps + 1) * log_second))
    return [*kept, size, root, eps]


def _adam(old: Tensors, gradient: Tensor, factors: Tensors) -> list[Tensor]:
    """Kingma and Ba (2015, arXiv:1412.6980); Loshchilov and Hutter (2019, arXiv:1711.05101)."""
    parameter, step, mean, square = old
    decay, kept, new, second, new_square, size, root, eps = factors
    gradient = gradient + decay * parameter
    mean = mean + new * (gradient - mean)
    square = second * square + new_square * gradient * gradient
    return [kept * parameter - size * mean / (root * square.sqrt() + eps), step + 1, mean, square]


def _adamax_numbers(group: Group) -> list[float]:
    first, second = map(float, group["betas"])
    rate = float(group["lr"])
    return [group["weight_decay"], 1 - first, second, rate, group["eps"], _log(first)]


def _adamax_factors(numbers: Sequence[Any], steps: Any, functions: Any) -> list[Any]:
    decay, new, second, rate, eps, log_first = numbers
    size = rate / -functions.expm1((steps + 1) * log_first)
    return [decay, new, second, size, eps]


def _adamax(old: Tensors, gradient: Tensor, factors: Tensors) -> list[Tensor]:
    """Kingma and Ba (2015, arXiv:1412.6980), section 7.1."""
    parameter, step, mean, largest = old
    decay, new, second, size, eps = factors
    gradient = gradient + decay * parameter
    mean = mean + new * (gradient - mean)
    largest = torch.maximum(second * largest, gradient.abs() + eps)
    return [parameter - size * mean / largest, step + 1, mean, largest]


def _sgd_numbers(group: Group) -> list[float]:
    return [group["weight_decay"], group["momentum"], float(group["lr"])]


def _as_they_are(numbers: Sequence[Any], steps: Any, functions: Any) -> list[Any]:
    return list(numbers)


def _sgd(old: Tensors, gradient: Tensor, factors: Tensors) -> list[Tensor]:
    (parameter,), (decay, _, rate) = old, factors
    return [parameter - rate * (gradient + decay * parameter)]


def _momentum(old: Tensors, gradient: Tensor, factors: Tensors) -> list[Tensor]:
    (parameter, buffer), (decay, momentum, rate) = old, factors
    buffer = momentum * buffer + gradient + decay * parameter
    return [parameter - rate * buffer, buffer]


def _nesterov(old: Tensors, gradient: Tensor, factors: Tensors) -> list[Tensor]:
    (parameter, buffer), (decay, momentum, rate) = old, factors
    gradient = gradient + decay * parameter
    buffer = momentum * buffer + gradient
    return [parameter - rate * (gradient + momentum * buffer), buffer]


def steps_otherwise(optimizer: Optimizer) -> bool:
    """Whether a step of an optimizer is more than its rule: there are hooks, or it was replaced."""
    own = vars(optimizer).get("step")
    return bool(
        optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or all_optimizers._global_optimizer_pre_hooks
        or all_optimizers._global_optimizer_post_hooks
        # Schedulers count steps so.
        or not (own is None or hasattr(own, "_wrapped_by_lr_sched"))
    )


def rule_of(optimizer: Optimizer, group: Group) -> Rule | None:
    """Returns how an optimizer moves a group, or None if no rule for it is known."""
    if any(group.get(option) for option in ("amsgrad", "maximize", "differentiable", "dampening")):
        return None
    # By exact type: a subclass may do anything.
    if type(optimizer) in (Adam, AdamW):
        return Rule(("step", "exp_avg", "exp_avg_sq"), _adam_numbers, _adam_factors, _adam)
    if type(optimizer) is Adamax:
        return Rule(("step", "exp_avg", "exp_inf"), _adamax_numbers, _adamax_factors, _adamax)
    if type(optimizer) is SGD and not group["momentum"]:
        return Rule((), _sgd_numbers, _as_they_are, _sgd)
    if type(optimizer) is SGD:
        move = _nesterov if group["nesterov"] else _momentum
        return Rule(("momentum_buffer",), _sgd_numbers, _as_they_are, move)
    return None
