"""Variables with numbered levels, such as categories, each in one place of a vector."""

from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor

from pyrovae.distributions.special import normalized

__all__ = ["LevelCodes"]


class _BelowCount(constraints.Constraint):
    """Integers from 0 to one less than the number of levels of each variable."""

    is_discrete = True
    event_dim = 0

    def __init__(self, count: Tensor) -> None:
        self.count = count
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each value is the index of a level."""
        return (value % 1 == 0) & (value >= 0) & (value < self.count)

    def __str__(self) -> str:
        return f"the numbers of levels, from 0 to {int(self.count.max()) - 1}"


class LevelCodes(TorchDistribution):
    """Variables with levels; a value is the index of a level, as a floating-point number.

    Args:
        logits: Unnormalised log-probabilities, ``(*batch, most levels)``, minus infinity for
            levels that a variable does not have.
        count: Number of levels of each variable, in a shape that broadcasts to the batch.
        validate_args: Whether to check values.

    Raises:
        ValueError: If validation is on, and a value is not the index of a level.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_enumerate_support = False

    def __init__(
        self, logits: Tensor, count: Tensor, *, validate_args: bool | None = None
    ) -> None:
        self.logits, self.count = normalized(logits), count
        super().__init__(logits.shape[:-1], validate_args=validate_args)

    @property
    def support(self) -> constraints.Constraint:
        """The indices of the levels of each variable."""
        return _BelowCount(self.count)

    def expand(self, batch_shape: Size, _instance: Any = None) -> "LevelCodes":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(LevelCodes, _instance)
        new.logits = self.logits.expand(*batch_shape, self.logits.shape[-1])
        new.count = self.count
        super(LevelCodes, new).__init__(Size(batch_shape), validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def probs(self) -> Tensor:
        """The probabilities, ``(*batch, levels)``."""
        return self.logits.exp()

    @property
    def mode(self) -> Tensor:
        """The most probable level."""
        return self.logits.argmax(-1).to(self.logits.dtype)

    @property
    def mean(self) -> Tensor:
        """The most probable level, since there is nothing between two levels."""
        return self.mode

    def average(self, weights: Tensor) -> Tensor:
        """The most probable level of a mixture over the first dimension.

        Args:
            weights: Weights that sum to one over their first dimension and broadcast to the batch.
        """
        return (weights.unsqueeze(-1) * self.probs).sum(0).argmax(-1).to(self.logits.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of the indices of levels."""
        if self._validate_args:
            self._validate_sample(value)
        codes = value.long().unsqueeze(-1)
        shape = torch.broadcast_shapes(codes.shape[:-1], self.logits.shape[:-1])
        logits = self.logits.expand(*shape, self.logits.shape[-1])
        return logits.gather(-1, codes.expand(*shape, 1)).squeeze(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws levels as a race: each level arrives at a rate equal to its probability."""
        shape = (*self._extended_shape(Size(sample_shape)), self.logits.shape[-1])
        with torch.no_grad():
            arrival = torch.empty(shape, dtype=self.logits.dtype, device=self.logits.device)
            # A waiting time of 0, which torch may draw, would win whatever the probabilities.
            wait = arrival.exponential_().clamp(min=torch.finfo(arrival.dtype).tiny)
            return (self.logits - wait.log()).argmax(-1).to(self.logits.dtype)
