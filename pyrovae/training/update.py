"""Optimizers' steps as tensor operations, for a compiled step to contain."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Adamax, AdamW, Optimizer

__all__ = ["Update"]

LARGE = 1e6  # beside gradients
Group = dict[str, Any]  # of parameters, as an optimizer keeps them, with their hyperparameters
Tensors = Sequence[Tensor]


class Rule(NamedTuple):
    """How an optimizer moves a parameter.

    Attributes:
        state: The names of its tensors in the optimizer's state.
        factors: The numbers of a step, from a group and how many steps were taken before.
        move: The new parameter and state, from the old ones, the gradient and the factors.
    """

    state: tuple[str, ...]
    factors: Callable[[Group, float], list[float]]
    move: Callable[[Tensors, Tensor, Tensors], list[Tensor]]


def _adam_factors(group: Group, steps: float) -> list[float]:
    rate, decay, decoupled = group["lr"], group["weight_decay"], group["decoupled_weight_decay"]
    first, second = map(float, group["betas"])
    return [
        0.0 if decoupled else decay,
        1 - float(rate) * decay if decoupled else 1.0,
        1 - first,
        second,
        1 - second,
        float(rate) / (1 - first ** (steps + 1)),
        1 / math.sqrt(1 - second ** (steps + 1)),
        group["eps"],
    ]


def _adam(old: Tensors, gradient: Tensor, factors: Tensors) -> list[Tensor]:
    """Kingma and Ba (2015, arXiv:1412.6980); Loshchilov and Hutter (2019, arXiv:1711.05101)."""
    parameter, step, mean, square = old
    decay, kept, new, second, new_square, size, root, eps = factors
    gradient = gradient + decay * parameter
    mean = mean + new * (gradient - mean)
    square = second * square + new_square * gradient * gradient
    return [kept * parameter - size * mean / (root * square.sqrt() + eps), step + 1, mean, square]


def _adamax_factors(group: Group, steps: float) -> list[float]:
    first, second = map(float, group["betas"])
    size = float(group["lr"]) / (1 - first ** (steps + 1))
    return [group["weight_decay"], 1 - first, second, size, group["eps"]]


def _adamax(old: Tensors, gradient: Tensor, factors: Tensors) -> list[Tensor]:
    """Kingma and Ba (2015, arXiv:1412.6980), section 7.1."""
    parameter, step, mean, largest = old
    decay, new, second, size, eps = factors
    gradient = gradient + decay * parameter
    mean = mean + new * (gradient - mean)
    largest = torch.maximum(second * largest, gradient.abs() + eps)
    return [parameter - size * mean / largest, step + 1, mean, largest]


def _sgd_factors(group: Group, steps: float) -> list[float]:
    return [group["weight_decay"], group["momentum"], float(group["lr"])]


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


def _rule(optimizer: Optimizer, group: Group) -> Rule | None:
    """How an optimizer moves a group, or None where that is not written down here."""
    if any(group.get(option) for option in ("amsgrad", "maximize", "differentiable", "dampening")):
        return None
    # By type and not by instance: a subclass may do anything.
    if type(optimizer) in (Adam, AdamW):
        return Rule(("step", "exp_avg", "exp_avg_sq"), _adam_factors, _adam)
    if type(optimizer) is Adamax:
        return Rule(("step", "exp_avg", "exp_inf"), _adamax_factors, _adamax)
    if type(optimizer) is SGD and not group["momentum"]:
        return Rule((), _sgd_factors, _sgd)
    if type(optimizer) is SGD:
        move = _nesterov if group["nesterov"] else _momentum
        return Rule(("momentum_buffer",), _sgd_factors, move)
    return None


class Update(nn.Module):
    """The step of one of torch's optimizers as tensor operations, which can be traced.

    Of Adam, AdamW, Adamax and SGD. The state is the optimizer's own and moves in place, so that
    the optimizer may step itself at any time, and save and load its state. Whatever changes from
    step to step (learning rate, betas, weight decay, the powers in bias corrections) is a number
    in a buffer: traced from torch's own source, Adam would take the powers for each weight.

    Args:
        optimizer: The optimizer.
        parameters: What is trained: the leaves of `forward`, in their order.

    Raises:
        ValueError: If no rule is known for the optimizer, an option of it or what it moves.
    """

    def __init__(self, optimizer: Optimizer, parameters: Sequence[Tensor]) -> None:
        super().__init__()
        self.optimizer = optimizer
        self._at = {id(parameter): i for i, parameter in enumerate(parameters)}
        # Those that have a gradient, as tracing shows.
        self._moved = set(self._at.values())
        self._state: Any = None  # the optimizer's, as last read
        self._rules: list[Any] = [_rule(optimizer, group) for group in optimizer.param_groups]
        held = [p for group in optimizer.param_groups for p in group["params"]]
        known = all(id(p) in self._at and p.dtype == torch.float32 for p in held)
        if None in self._rules or not known:
            raise ValueError(f"expected an optimizer whose step has a rule, got {optimizer}")
        self._make_state()
        if not self.read():
            raise ValueError("expected parameters at the same step, and no hooks on the optimizer")
        # Else a scheduler warns that it moves before the optimizer has.
        optimizer._opt_called = True  # type: ignore[attr-defined]

    def forward(self, leaves: Tensors, loss: Tensor) -> None:
        """Moves leaves and state along the leaves' gradients; nothing moves if the loss is NaN."""
        good = ~loss.isnan().any()
        self._moved = {i for i, leaf in enumerate(leaves) if leaf.grad is not None}
        for k, (group, rule) in enumerate(self._groups()):
            factors = self.get_buffer(f"factors_{k}").unbind()
            for i in (self._at[id(parameter)] for parameter in group["params"]):
                gradient = leaves[i].grad
                if gradient is None:
                    continue
                state = [self.get_buffer(f"{name}_{i}") for name in rule.state]
                old = [leaves[i].detach(), *state]
                new = rule.move(old, gradient, factors)
                for place, value in zip(old, new, strict=True):
                    place.copy_(torch.where(good, value, place))

    def read(self) -> bool:
        """Takes up the optimizer's state and the numbers of its next step.

        Returns:
            Whether this is still what was traced. If not, the optimizer has to step itself.
        """
        optimizer = self.optimizer
        if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks:
            return False
        if [_rule(optimizer, group) for group in optimizer.param_groups] != self._rules:
            return False
        if optimizer.state is not self._state and not self._read_state():
            return False
        for k, (group, rule) in enumerate(self._groups()):
            steps = self._steps[k].item()
            # The optimizer may have stepped itself, with fewer gradients than here.
            if not 0 <= steps - self._last[k] <= 1 and not self._read_state():
                return False
            self._last[k] = steps
            self._buffers[f"factors_{k}"] = torch.tensor(rule.factors(group, steps))
        return True

    def _groups(self) -> Iterator[tuple[Group, Rule]]:
        return zip(self.optimizer.param_groups, self._rules, strict=True)

    def _read_state(self) -> bool:
        """Takes up the state, if it is whole and has one number of steps in each group."""
        self._steps: list[Tensor] = []
        for group, rule in self._groups():
            counts = [torch.zeros(())]
            for parameter, name in itertools.product(group["params"], rule.state):
                i, value = self._at[id(parameter)], self.optimizer.state[parameter].get(name)
                if value is None:
                    return False
                self._buffers[f"{name}_{i}"] = value
                if name == "step" and i in self._moved:
                    counts.append(value)
            if len({count.item() for count in counts[1:]}) > 1:
                return False
            self._steps.append(counts[-1])
        self._last = [count.item() for count in self._steps]
        self._state = self.optimizer.state
        return True

    @contextmanager
    def linearized(self) -> Iterator[None]:
        """Makes the step, for a block, about linear in the gradients, at any size of theirs.

        With a large learning rate and a term as large in the denominators. Adam as it is would
        divide roundings by their own size.
        """
        kept = dict(self._buffers)
        for k, (group, rule) in enumerate(self._groups()):
            eased = {**group, "lr": LARGE, "eps": LARGE}
            self._buffers[f"factors_{k}"] = torch.tensor(rule.factors(eased, 0))
        try:
            yield
        finally:
            self._buffers.update(kept)

    def _make_state(self) -> None:
        """The state with which the optimizer would begin, where it has not begun."""
        for group, rule in self._groups():
            for parameter, name in itertools.product(group["params"], rule.state):
                state = self.optimizer.state[parameter]
                if state.get(name) is None:
                    like = torch.zeros(()) if name == "step" else torch.zeros_like(parameter)
                    state[name] = like
