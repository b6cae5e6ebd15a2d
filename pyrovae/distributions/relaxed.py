"""The relaxed one-hot categorical, kept inside the simplex in floating point."""

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

__all__ = ["RelaxedOneHot"]


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
