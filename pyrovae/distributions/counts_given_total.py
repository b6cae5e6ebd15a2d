"""Multinomial counts, scored given their total."""

import math
from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.nn.functional import pad

from pyrovae.distributions.special import deviance, normalized, stirling

__all__ = ["CountsGivenTotal"]

# The smallest expected count, whose inverse does not overflow.
SMALLEST = 1e-30


class CountsGivenTotal(TorchDistribution):
    r"""Counts of categories, conditional on each datum's own total.

    .. math:: \log p\Big(x \,\Big|\, n = \sum_v x_v\Big) = \log n! - \sum_v \log x_v!
        + \sum_v x_v \log \operatorname{softmax}(a)_v

    PyTorch's multinomial has one total for all data, but documents, users and cells each have
    their own. The probabilities are conditional on the totals: they sum to one over all counts
    with a given total. They are accurate to single precision for totals up to 1e7 and logits of
    any size, because the large terms of the factorials are cancelled by Stirling's formula.

    Args:
        logits: Log-probabilities :math:`a` of the categories, up to a constant, ``(*batch,
            *event)``.
        total_count: Total of the counts that `sample` draws and that `mean` refers to.
        event_dim: Number of last dimensions of ``logits`` that are the categories.
        validate_args: Whether to check arguments and values.

    Raises:
        ValueError: If the total is negative or there are no event dimensions. If validation is on,
            also if a logit is NaN or a value is not an integer of at least 0.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"logits": constraints.real}

    def __init__(
        self,
        logits: Tensor,
        *,
        total_count: int = 1,
        event_dim: int = 1,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int) or total_count < 0:
            raise ValueError(
                f"total_count: expected a whole number of at least 0, got {total_count!r}"
            )
        if not 1 <= event_dim <= logits.dim():
            raise ValueError(
                f"event_dim: expected 1 to {logits.dim()} of the dimensions of logits, "
                f"got {event_dim}"
            )
        split = logits.dim() - event_dim
        self.total_count = total_count
        self.logits = normalized(logits.flatten(split)).reshape(logits.shape)
        super().__init__(logits.shape[:split], logits.shape[split:], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True)
    def support(self) -> constraints.Constraint:
        """Integers of at least 0."""
        return constraints.independent(constraints.nonnegative_integer, len(self.event_shape))

    @property
    def probs(self) -> Tensor:
        """Probabilities of the categories, ``(*batch, *event)``."""
        return self.logits.exp()

    @property
    def mean(self) -> Tensor:
        """The expected counts for ``total_count``."""
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        """The variance of each count for ``total_count``."""
        # 1 - p is computed as the sum of the other probabilities: near 1 it would lose digits.
        flat = self.probs.flatten(len(self.batch_shape))
        before = pad(flat.cumsum(-1)[..., :-1], (1, 0))
        after = pad(flat.flip(-1).cumsum(-1)[..., :-1], (1, 0)).flip(-1)
        return self.total_count * (flat * (before + after)).reshape(self.logits.shape)

    def expand(self, batch_shape: Size, _instance: Any = None) -> "CountsGivenTotal":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(CountsGivenTotal, _instance)
        batch_shape = Size(batch_shape)
        new.total_count = self.total_count
        new.logits = self.logits.expand(batch_shape + self.event_shape)
        super(CountsGivenTotal, new).__init__(batch_shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of counts given their total, ``(*batch,)``."""
        if self._validate_args:
            self._validate_sample(value)
        dims = tuple(range(-len(self.event_shape), 0))
        value, logits = torch.broadcast_tensors(value.to(self.logits), self.logits)
        total = value.sum(dims, keepdim=True)
        # n log n - sum of x log(x / p), that is, minus the sum of the deviances from n p. Rounding
        # of the probabilities then matters only where a count differs from the expected one.
        expected, absent = total * logits.exp(), value == 0
        # An expected count below the smallest one is represented by its logarithm.
        below = (logits + total.clamp(min=1).log()).clamp(max=math.log(SMALLEST))
        lacking = value * torch.where(absent, 0.0, below - math.log(SMALLEST))
        apart = torch.where(
            absent, expected, deviance(value, expected.clamp(min=SMALLEST)) - lacking
        )
        log_prob = stirling(total) - (stirling(value) + apart).sum(dims, keepdim=True)
        return log_prob.flatten(-len(dims))[..., 0]

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws counts that add up to ``total_count``."""
        with torch.no_grad():
            flat = self.logits.flatten(len(self.batch_shape))
            counts = torch.distributions.Multinomial(
                self.total_count, logits=flat, validate_args=False
            ).sample(Size(sample_shape))
            return counts.reshape(self._extended_shape(Size(sample_shape)))

    def sample_with(self, total: Tensor) -> Tensor:
        """Draws counts with a total for each datum.

        Args:
            total: Integers of at least 0 that broadcast to the batch shape.

        Returns:
            The counts, ``(*batch, *event)``.
        """
        with torch.no_grad():
            flat = self.probs.reshape(self.batch_shape.numel(), -1)
            totals = total.expand(self.batch_shape).reshape(-1).tolist()
            # One row at a time: the uncounted draws of all rows may not fit in memory.
            counts = torch.zeros_like(flat)
            for row, probs, n in zip(counts, flat, totals, strict=True):
                if n > 0:
                    drawn = torch.multinomial(probs, int(n), replacement=True)
                    row += torch.bincount(drawn, minlength=len(probs))
            return counts.reshape(self._extended_shape())
