"""Weights of an objective that can be changed after a step is compiled."""

import math
from typing import Any, Self, overload

import torch
from torch import Tensor

__all__ = ["Weight", "shown"]


class Weight:
    """A number that is an attribute of an objective and is stored in a 0-dim tensor.

    A compiled step reads the tensor each time; a Python number would be frozen into its graph.
    Assigning to the attribute fills the tensor in place, so ``objective.beta = 2.0`` also takes
    effect in a compiled step. The tensor is in double precision: to multiply another 0-dim tensor,
    cast it to that tensor's type.

    Args:
        at_most: The largest allowed value; unlimited by default.
        is_positive: Whether 0 is forbidden.

    Raises:
        ValueError: When set, if the value is not finite, not between 0 and ``at_most``, or 0 where
            that is forbidden.
    """

    def __init__(self, *, at_most: float = math.inf, is_positive: bool = False) -> None:
        self._at_most = at_most
        self._is_positive = is_positive
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Tensor: ...
    def __get__(self, instance: object | None, owner: type) -> Self | Tensor:
        if instance is None:
            return self
        try:
            return vars(instance)[self._name]
        except KeyError:
            raise AttributeError(self._name) from None

    def __set__(self, instance: object, value: float | Tensor) -> None:
        try:
            number = math.nan if isinstance(value, str) else float(value)
        except (TypeError, ValueError, RuntimeError):
            number = math.nan
        is_nothing = self._is_positive and number == 0
        if not 0 <= number <= self._at_most or number == math.inf or is_nothing:
            expected = (
                "a finite number above 0"
                if self._is_positive
                else "a finite weight"
                if number == math.inf
                else "a weight of at least 0"
                if self._at_most == math.inf
                else f"a share in [0, {self._at_most:g}]"
            )
            raise ValueError(f"{self._name}: expected {expected}, got {shown(value)}")
        held = vars(instance).get(self._name)
        if held is None:
            # On the CPU, where it acts as a number in operations on any device. Double precision
            # keeps all digits and does not change the type of tensors with dimensions.
            vars(instance)[self._name] = torch.tensor(number, dtype=torch.float64, device="cpu")
        else:
            held.fill_(number)


def shown(value: Any) -> Any:
    """Returns a value for the printed form: a number in place of a 0-dim tensor."""
    if isinstance(value, Tensor) and value.dim() == 0:
        return float(f"{value.item():.7g}")
    return value
