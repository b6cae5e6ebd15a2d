"""Optimizer steps as tensor operations that need nothing from the host."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from pyrovae.training.update import Update
from pyrovae.training.update_rules import Group, Rule, Tensors

__all__ = ["DeviceUpdate"]


class DeviceUpdate(Update):
    """An `Update` whose bias corrections are computed on the device of the parameters.

    They are computed from the optimizer's own step count of each parameter, which is on the device
    if the optimizer is fused or capturable. So nothing waits for the device, a skipped step is not
    counted, and a captured graph may take many steps. The host reads the hyperparameters, and
    writes them to a fixed place in memory when they change.

    Raises:
        ValueError: As for `Update`, and if the step counts or hyperparameters are elsewhere.
    """

    def __init__(self, optimizer: Optimizer, parameters: Sequence[Tensor]) -> None:
        self._written: dict[int, list[float]] = {}  # the base class's __init__ reads numbers
        super().__init__(optimizer, parameters)

    def _read_state(self) -> bool:
        """Reads the state, and returns whether it is complete and on the parameters' device."""
        for group, rule in self._groups():
            for parameter, name in itertools.product(group["params"], rule.state):
                value = self.optimizer.state[parameter].get(name)
                if value is None or value.device != parameter.device:
                    return False
                self._buffers[f"{name}_{self._at[id(parameter)]}"] = value
        self._state = self.optimizer.state
        return True

    def _factors(self, k: int, rule: Rule) -> Callable[[int], Tensors]:
        numbers = self.get_buffer(f"numbers_{k}").unbind()
        if "step" not in rule.state:
            return lambda i: numbers
        return lambda i: rule.factors(numbers, self.get_buffer(f"step_{i}"), torch)

    def _read_numbers(self) -> bool:
        for k, (group, rule) in enumerate(self._groups()):
            # Reading a number on the device would wait for it.
            on_device = [v for v in (group["lr"], *group.get("betas", ())) if _is_away(v)]
            if on_device:
                return False
            self._write(k, rule.numbers(group), group["params"][0].device)
        return True

    def _write(self, k: int, numbers: list[float], device: torch.device) -> None:
        """Writes the numbers of a group if they have changed."""
        name = f"numbers_{k}"
        if name not in self._buffers:
            self.register_buffer(name, torch.tensor(numbers).to(device))
        elif numbers != self._written.get(k):
            # In place, because a captured graph refers to them by address.
            self.get_buffer(name).copy_(torch.tensor(numbers), non_blocking=True)
        self._written[k] = numbers

    def _ease(self, k: int, rule: Rule, eased: Group) -> None:
        place = self.get_buffer(f"numbers_{k}")
        self._buffers[f"numbers_{k}"] = torch.tensor(rule.numbers(eased)).to(place.device)

    def _begin(self, group: Group, parameter: Tensor, name: str) -> Tensor:
        if name != "step":
            return torch.zeros_like(parameter)
        counts_there = group.get("fused") or group.get("capturable")
        if parameter.device.type != "cpu" and not counts_there:
            raise ValueError("expected an optimizer with fused=True or capturable=True")
        return torch.zeros((), device=parameter.device)


def _is_away(value: object) -> bool:
    return isinstance(value, Tensor) and value.device.type != "cpu"
