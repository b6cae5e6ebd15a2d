"""Relaxed one-hot categoricals, kept inside the simplex in floating point."""

from typing import Any, ClassVar

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

__all__ = ["RelaxedOneHot", "RelaxedOneHots"]


class RelaxedOneHot(dist.RelaxedOneHotCategorical):
    """A relaxed one-hot categorical whose draws never leave the open simplex.

    PyTorch's draws underflow to zeros at low temperatures, where the log-density is NaN, and
    their sum is off one by more than the simplex's own tolerance.
    """

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that carry gradients."""
        value = super().rsample(torch.Size(sample_shape))
        # Not the smallest number there is: the density's gradient divides by it.
        value = value.clamp(min=torch.finfo(value.dtype).tiny ** 0.75)
        return value / value.sum(-1, keepdim=True)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws without gradients."""
        with torch.no_grad():
            return self.rsample(sample_shape)


class RelaxedOneHots(dist.TorchDistribution):
    """Independent relaxed one-hot categoricals, side by side in one vector.

    Args:
        temperature: Their temperature, a 0-dim tensor.
        logits: A logit for each category of each variable, ``(*batch, variables * categories)``.
        variables: Number of variables.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, temperature: Tensor, logits: Tensor, variables: int) -> None:
        self.temperature = temperature
        self.logits = logits
        self.variables = variables
        self.rows = RelaxedOneHot(temperature, logits=logits.unflatten(-1, (variables, -1)))
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    @constraints.dependent_property
    def support(self) -> Any:
        """Points of simplices side by side."""
        lengths = [self.event_shape[0] // self.variables] * self.variables
        return constraints.cat([constraints.simplex] * self.variables, -1, lengths)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that carry gradients."""
        return self.rows.rsample(sample_shape).flatten(-2)

    def log_prob(self, value: Tensor) -> Tensor:
        """The sum of the variables' log-densities."""
        return self.rows.log_prob(value.unflatten(-1, (self.variables, -1))).sum(-1)

    def at(self, temperature: Tensor) -> "RelaxedOneHots":
        """The same at another temperature."""
        return RelaxedOneHots(temperature, self.logits, self.variables)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "RelaxedOneHots":
        """The same with another batch shape."""
        logits = self.logits.expand(torch.Size(batch_shape) + self.event_shape)
        return RelaxedOneHots(self.temperature, logits, self.variables)
