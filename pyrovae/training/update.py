"""Optimizer steps as tensor operations, to be part of a compiled step."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from pyrovae.training.update_rules import Group, Rule, Tensors, rule_of, steps_otherwise

__all__ = ["Update"]

LARGE = 1e6  # compared with gradients


class Update(nn.Module):
    """The step of one of torch's optimizers as tensor operations, which can be traced.

    Adam, AdamW, Adamax and SGD are supported. The state is the optimizer's own and is updated in
    place, so the optimizer can take a step itself at any time, and save and load its state.
    Everything that changes from step to step (learning rate, betas, weight decay, the powers in
    bias corrections) is a number in a buffer. Traced from torch's own source, Adam would compute
    the powers once for each weight.

    Args:
        optimizer: The optimizer.
        parameters: The parameters to train: the leaves of `forward`, in the same order.

    Raises:
        ValueError: If there is no rule for the optimizer, one of its options or what it moves.
    """

    def __init__(self, optimizer: Optimizer, parameters: Sequence[Tensor]) -> None:
        super().__init__()
        self.optimizer = optimizer
        self._at = {id(parameter): i for i, parameter in enumerate(parameters)}
        # Those that have a gradient, as found by tracing.
        self._moved = set(self._at.values())
        self._state: Any = None  # the optimizer's state when last read, and the tensors in it
        self._holders: list[int] = []
        self._tensors: list[tuple[dict[str, Any], str, Tensor]] = []
        self._written_to: list[np.ndarray] = []  # the memory of the numbers of each group
        self._members = self._members_now()
        self._rules: list[Any] = [rule_of(optimizer, group) for group in optimizer.param_groups]
        held = [p for group in optimizer.param_groups for p in group["params"]]
        known = all(id(p) in self._at and p.dtype == torch.float32 for p in held)
        if None in self._rules or not known:
            raise ValueError(
                f"expected an optimizer whose update can be compiled, got {optimizer}"
            )
        self._make_state()
        if not self.read():
            raise ValueError(
                "expected all parameters at the same step, and no hooks on the optimizer"
            )
        # Otherwise a scheduler warns that it moves before the optimizer.
        optimizer._opt_called = True  # type: ignore[attr-defined]

    def forward(self, leaves: Tensors, loss: Tensor) -> None:
        """Moves leaves and state by the leaves' gradients, or nothing if the loss is NaN."""
        good = ~loss.isnan().any()
        self._moved = {i for i, leaf in enumerate(leaves) if leaf.grad is not None}
        for k, (group, rule) in enumerate(self._groups()):
            factors_of = self._factors(k, rule)
            for i in (self._at[id(parameter)] for parameter in group["params"]):
                gradient = leaves[i].grad
                if gradient is None:
                    continue
                state = [self.get_buffer(f"{name}_{i}") for name in rule.state]
                old = [leaves[i].detach(), *state]
                new = rule.move(old, gradient, factors_of(i))
                for place, value in zip(old, new, strict=True):
                    place.copy_(torch.where(good, value, place))

    def read(self) -> bool:
        """Reads the optimizer's state and the numbers of its next step.

        Returns:
            Whether the state is still the traced one. If not, the optimizer has to step itself.
        """
        optimizer = self.optimizer
        if steps_otherwise(optimizer) or self._members_now() != self._members:
            return False
        if [rule_of(optimizer, group) for group in optimizer.param_groups] != self._rules:
            return False
        if not self._is_same_state() and not self._read_state():
            return False
        return self._read_numbers()

    def _members_now(self) -> list[list[int]]:
        """Which parameters are in each group."""
        return [list(map(id, group["params"])) for group in self.optimizer.param_groups]

    def _is_same_state(self) -> bool:
        """Whether the optimizer holds the tensors that were read: others may have taken their place."""
        state = self.optimizer.state
        # Before each step: values take no time to be hashed, as parameters do.
        return (
            state is self._state
            and list(map(id, state.values())) == self._holders
            and all(holder.get(name) is tensor for holder, name, tensor in self._tensors)
        )

    def _factors(self, k: int, rule: Rule) -> Callable[[int], Tensors]:
        """Returns a function from a parameter's index to the factors of its group's step."""
        factors = self.get_buffer(f"factors_{k}").unbind()
        return lambda i: factors

    def _read_numbers(self) -> bool:
        """Reads the numbers of the next step, if all parameters of a group are at the same one."""
        for k, (group, rule) in enumerate(self._groups()):
            steps = self._steps[k].item()
            # The optimizer may have taken steps itself, with gradients for fewer parameters.
            if not 0 <= steps - self._last[k] <= 1 and not self._read_state():
                return False
            self._last[k] = steps
            factors = rule.factors(rule.numbers(group), steps, math)
            if k == len(self._written_to):
                self.register_buffer(f"factors_{k}", torch.tensor(factors))
                self._written_to.append(self.get_buffer(f"factors_{k}").numpy())
            # Before each step: in place, and by NumPy, which has less to do around it.
            self._written_to[k][:] = factors
        return True

    def _groups(self) -> Iterator[tuple[Group, Rule]]:
        return zip(self.optimizer.param_groups, self._rules, strict=True)

    def _read_state(self) -> bool:
        """Reads the state, and returns whether it is complete with one step count per group."""
        self._steps: list[Tensor] = []
        self._tensors, self._state = [], None  # until it is complete
        for group, rule in self._groups():
            counts = [torch.zeros(())]
            for parameter, name in itertools.product(group["params"], rule.state):
                holder = self.optimizer.state[parameter]
                i, value = self._at[id(parameter)], holder.get(name)
                if value is None:
                    return False
                self._buffers[f"{name}_{i}"] = value
                self._tensors.append((holder, name, value))
                if name == "step" and i in self._moved:
                    counts.append(value)
            if len({count.item() for count in counts[1:]}) > 1:
                return False
            self._steps.append(counts[-1])
        self._last = [count.item() for count in self._steps]
        self._state = self.optimizer.state
        self._holders = list(map(id, self._state.values()))
        return True

    @contextmanager
    def linearized(self) -> Iterator[None]:
        """Makes the step, in a block, nearly linear in the gradients, whatever their size.

        It uses a large learning rate and an equally large term in the denominators. Adam itself
        would divide rounding errors by numbers of their own size.
        """
        kept = dict(self._buffers)
        for k, (group, rule) in enumerate(self._groups()):
            eased = {**group, "lr": LARGE, "eps": LARGE}
            if isinstance(self.optimizer, AdamW):
                # It decays by their product, which would be far more than the gradients move.
                eased["weight_decay"] = group["weight_decay"] * group["lr"] / LARGE
            self._ease(k, rule, eased)
        try:
            yield
        finally:
            self._buffers.update(kept)

    def _ease(self, k: int, rule: Rule, eased: Group) -> None:
        """Replaces a group's numbers by those of other hyperparameters."""
        factors = rule.factors(rule.numbers(eased), 0, math)
        self._buffers[f"factors_{k}"] = torch.tensor(factors)

    def _make_state(self) -> None:
        """Creates the optimizer's initial state where it does not exist yet."""
        for group, rule in self._groups():
            for parameter, name in itertools.product(group["params"], rule.state):
                state = self.optimizer.state[parameter]
                if state.get(name) is None:
                    state[name] = self._begin(group, parameter, name)

    def _begin(self, group: Group, parameter: Tensor, name: str) -> Tensor:
        """What the optimizer's state begins with."""
        return torch.zeros(()) if name == "step" else torch.zeros_like(parameter)
