"""Numbers that change during training, such as the weight on the KL term or a capacity."""

from abc import ABC, abstractmethod
from typing import Protocol, runtime_checkable

from pyrovae.declared import Declared

__all__ = ["Annealed", "CyclicalSchedule", "ExponentialDecay", "LinearWarmup", "Schedule"]


class Schedule(Declared, ABC):
    """A number that changes during training.

    Attributes:
        settled: The epoch from which it no longer changes. Early stopping waits until then,
            because bounds with different weights cannot be compared.
    """

    settled: float

    @abstractmethod
    def __call__(self, epoch: float) -> float:
        """Returns the value after ``epoch`` epochs, which may be fractional (0 at the start)."""


@runtime_checkable
class Annealed(Protocol):
    """An objective with its own schedule, which training advances.

    Attributes:
        settled: The epoch from which it no longer changes; 0 if it never does.
    """

    settled: float

    def advance(self, epoch: float) -> None:
        """Sets the values to those after ``epoch`` epochs, which may be fractional."""


class LinearWarmup(Schedule):
    """A weight that grows linearly, so that the latents become useful before the KL term counts.

    Sonderby et al., 2016, Ladder variational autoencoders, https://arxiv.org/abs/1602.02282.

    Args:
        epochs: Length of the warm-up.
        start: Value at the start.
        end: Value at the end of the warm-up and after it.

    Raises:
        ValueError: If the length is not positive or a value is negative.
    """

    def __init__(self, epochs: float = 10, *, start: float = 0.0, end: float = 1.0) -> None:
        if not epochs > 0:
            raise ValueError(f"epochs: expected a positive number, got {epochs}")
        if not (start >= 0 and end >= 0):
            raise ValueError(f"start, end: expected weights of at least 0, got {start}, {end}")
        self.settled = epochs
        self.start = start
        self.end = end

    def __call__(self, epoch: float) -> float:
        """Returns the weight after ``epoch`` epochs."""
        return self.start + (self.end - self.start) * min(1.0, epoch / self.settled)


class ExponentialDecay(Schedule):
    r"""A number that decays by the same factor in each epoch, then stays constant.

    .. math:: \text{start}^{1 - t} \, \text{end}^{t}, \qquad t = \min(1, \text{epoch} / \text{epochs})

    Args:
        epochs: Length of the decay.
        start: Value at the start.
        end: Value at the end of the decay and after it.

    Raises:
        ValueError: If one of these is not positive.
    """

    def __init__(self, epochs: float = 20, *, start: float = 2.0, end: float = 1.0) -> None:
        if not (epochs > 0 and start > 0 and end > 0):
            raise ValueError(
                f"epochs, start, end: expected positive numbers, got {epochs}, {start}, {end}"
            )
        self.settled = epochs
        self.start = start
        self.end = end

    def __call__(self, epoch: float) -> float:
        """Returns the value after ``epoch`` epochs."""
        return self.start * (self.end / self.start) ** min(1.0, epoch / self.settled)


class CyclicalSchedule(Schedule):
    """A weight that rises in cycles, then stays constant.

    In each cycle it grows linearly from 0 to 1, then stays at 1 for the rest of the cycle.

    Fu et al., 2019, Cyclical annealing schedule, https://arxiv.org/abs/1903.10145.

    Args:
        period: Epochs of one cycle.
        cycles: Number of cycles.
        rising: Fraction of a cycle during which the weight grows.

    Raises:
        ValueError: If a length is not positive or the fraction is not in (0, 1].
    """

    def __init__(self, period: float = 10, *, cycles: int = 4, rising: float = 0.5) -> None:
        if not (period > 0 and cycles > 0):
            raise ValueError(f"period, cycles: expected positive numbers, got {period}, {cycles}")
        if not 0 < rising <= 1:
            raise ValueError(f"rising: expected a share in (0, 1], got {rising}")
        self.settled = period * cycles
        self.period = period
        self.rising = rising

    def __call__(self, epoch: float) -> float:
        """Returns the weight after ``epoch`` epochs."""
        if epoch >= self.settled:
            return 1.0
        return min(1.0, epoch % self.period / (self.period * self.rising))
