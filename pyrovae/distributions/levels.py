"""Grey levels: the grid of values of images with k levels."""

import torch
from torch import Tensor
from torch.distributions import constraints

from pyrovae.distributions.special import at_least_single

__all__ = ["Levels", "check_levels", "level_of"]

# Dividing by 255 and multiplying back rounds twice; as much again is left to the user's own steps.
TOLERANCE = 4 * torch.finfo(torch.float32).eps


def check_levels(levels: int, name: str = "levels") -> None:
    """Checks that there are at least two levels.

    Raises:
        ValueError: If there are not.
    """
    if not isinstance(levels, int) or levels < 2:
        raise ValueError(f"{name}: expected a whole number of at least 2, got {levels!r}")


def level_of(x: Tensor, levels: int) -> Tensor:
    """The nearest level k of grey values k / (levels - 1), as a floating-point number."""
    return (at_least_single(x) * (levels - 1)).round().clamp(0, levels - 1)


class Levels(constraints.Constraint):
    """The grey levels k / (levels - 1) for k = 0, ..., levels - 1.

    A value passes if it is such a fraction up to the rounding of float32. So 8-bit pixels divided
    by 255 pass, whatever the order and precision in which that was computed.

    Args:
        levels: Number of levels, such as 256.
    """

    is_discrete = True
    event_dim = 0

    def __init__(self, levels: int) -> None:
        self.levels = levels
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each value is one of the levels."""
        distance = at_least_single(value) * (self.levels - 1) - level_of(value, self.levels)
        return distance.abs() <= TOLERANCE * (self.levels - 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Levels) and other.levels == self.levels

    def __hash__(self) -> int:
        return hash((Levels, self.levels))

    def __repr__(self) -> str:
        return f"k/{self.levels - 1} for k = 0, ..., {self.levels - 1}"
