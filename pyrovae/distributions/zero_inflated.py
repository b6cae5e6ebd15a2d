"""Counts with additional zeros."""

from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions import Distribution
from torch.nn.functional import logsigmoid

__all__ = ["ZeroInflated"]


class ZeroInflated(TorchDistribution):
    r"""Zero with a probability of its own, otherwise a count from another distribution.

    .. math:: p(x) = \pi \, [x = 0] + (1 - \pi) \, p_0(x), \quad \pi = 1 / (1 + e^{-g})

    ``pyro.distributions.ZeroInflatedDistribution`` adds probabilities. This class adds in the
    logarithm, so that probabilities of zero or one do not cost digits.

    Args:
        base: The distribution :math:`p_0` of single counts.
        gate_logits: The logits g, which broadcast to the batch of ``base``.
        validate_args: Whether to check values.

    Raises:
        ValueError: If ``base`` is not a distribution of single counts, or if validation is on and
            a value is not a count.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"gate_logits": constraints.real}

    def __init__(
        self, base: Distribution, gate_logits: Tensor, *, validate_args: bool | None = None
    ) -> None:
        support: Any = base.support
        if base.event_shape or not support.is_discrete:
            raise ValueError(
                f"base: expected a distribution of single counts, got {type(base).__name__} over "
                f"events of shape {tuple(base.event_shape)}"
            )
        batch = torch.broadcast_shapes(base.batch_shape, gate_logits.shape)
        self.base = base.expand(batch)
        self.gate_logits = gate_logits.expand(batch)
        super().__init__(batch, validate_args=validate_args)

    def expand(self, batch_shape: Size, _instance: Any = None) -> "ZeroInflated":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(ZeroInflated, _instance)
        batch_shape = Size(batch_shape)
        new.base = self.base.expand(batch_shape)
        new.gate_logits = self.gate_logits.expand(batch_shape)
        super(ZeroInflated, new).__init__(batch_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def scaled(self, factor: Tensor) -> "ZeroInflated":
        """The distribution with the mean of the base distribution multiplied by a factor."""
        base: Any = self.base
        return ZeroInflated(base.scaled(factor), self.gate_logits)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        """The support of the base distribution."""
        return self.base.support

    @property
    def mean(self) -> Tensor:
        """The mean, including the zeros."""
        return torch.sigmoid(-self.gate_logits) * self.base.mean

    @property
    def variance(self) -> Tensor:
        """The variance, including the zeros."""
        zero, mean = torch.sigmoid(self.gate_logits), self.base.mean
        return torch.sigmoid(-self.gate_logits) * (self.base.variance + zero * mean.square())

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of counts."""
        if self._validate_args:
            self._validate_sample(value)
        counted = logsigmoid(-self.gate_logits) + self.base.log_prob(value)
        either = torch.logaddexp(logsigmoid(self.gate_logits), counted)
        return torch.where(value == 0, either, counted)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws counts."""
        with torch.no_grad():
            shape = self._extended_shape(Size(sample_shape))
            counted = torch.rand(shape, device=self.gate_logits.device) < torch.sigmoid(
                -self.gate_logits
            )
            return torch.where(counted, self.base.sample(Size(sample_shape)), 0.0)
