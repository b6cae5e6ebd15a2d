"""The position of training: the epoch, and the steps taken in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pyrovae.training.random_state import check_random_state

__all__ = ["Position"]


@dataclass
class Position:
    """The position of training: the epoch, and the steps taken in it.

    Attributes:
        epoch: The current epoch, starting at 1.
        steps: The number of steps taken in it.
        seen: The number of data in these steps.
        total: The sum of their losses, on the device of the model: 0-dim, or, with an adversary,
            ``(3,)`` for the objective, the model's penalty and the adversary.
        seconds: The time that these steps took.
        random: The state of the generators when the epoch began; empty before it has begun.
        taken: The number of steps taken in all epochs.
        skipped: The number of steps of this epoch that were skipped because their gradient was too
            large.
    """

    epoch: int = 1
    steps: int = 0
    seen: int = 0
    total: Tensor = field(default_factory=lambda: torch.zeros(()))
    seconds: float = 0.0
    random: dict[str, Tensor] = field(default_factory=dict)
    taken: int = 0
    skipped: int = 0

    def state_dict(self) -> dict[str, Any]:
        """Returns all attributes, as numbers and tensors."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: Mapping[str, Any], like: Tensor) -> "Position":
        """Restores a position from its `state_dict`.

        Args:
            state: The state.
            like: A sum of losses with the shape and device to use.

        Raises:
            ValueError: If the state is not that of a position.
        """
        for name in ("epoch", "steps", "seen", "taken", "skipped"):
            value, least = state[name], int(name == "epoch")
            if type(value) is not int or value < least:
                raise ValueError(f"{name}: expected a number of at least {least}, got {value!r}")
        total, seconds = state["total"], state["seconds"]
        if (
            not isinstance(total, Tensor)
            or total.shape != like.shape
            or not total.is_floating_point()
        ):
            raise ValueError(
                f"total: expected {like.numel()} number(s) in a tensor, got {total!r}"
            )
        if not isinstance(seconds, float) or not seconds >= 0:
            raise ValueError(f"seconds: expected a number of at least 0, got {seconds!r}")
        if state["steps"]:
            check_random_state(state["random"], like.device)
        counts = {name: state[name] for name in ("epoch", "steps", "seen", "taken", "skipped")}
        return cls(
            **counts, total=total.to(like.device), seconds=seconds, random=dict(state["random"])
        )
