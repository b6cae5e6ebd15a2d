"""A categorical over grey levels."""

from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Size, Tensor

from pyrovae.distributions.levels import Levels, check_levels, level_of
from pyrovae.distributions.special import normalized

__all__ = ["LevelCategorical"]


class LevelCategorical(dist.Categorical):
    r"""A categorical whose outcomes are the grey levels :math:`k / (L - 1)` in [0, 1].

    .. math:: \log p\left(x = \frac{k}{L - 1}\right) = \log \operatorname{softmax}(a)_k,
        \quad k = 0, \dots, L - 1

    Unlike a categorical over labels, it scores the grey values as they are stored, and has a mean.

    Args:
        logits: Log-probabilities :math:`a` up to a constant, ``(*batch, L)``.
        validate_args: Whether to check arguments and values.

    Raises:
        ValueError: If there are fewer than 2 levels, or if validation is on and a value is off the
            grid.
    """

    has_enumerate_support = False

    def __init__(self, logits: Tensor, *, validate_args: bool | None = None) -> None:
        check_levels(logits.shape[-1] if logits.dim() else 0)
        super().__init__(logits=normalized(logits), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Levels:
        """The grid of grey levels."""
        return Levels(self._num_events)

    @property
    def mean(self) -> Tensor:
        """The expected grey level."""
        return self.probs @ self._grid

    @property
    def variance(self) -> Tensor:
        """The variance of the grey level."""
        deviation = self._grid - self.mean.unsqueeze(-1)
        return (self.probs * deviation**2).sum(-1)

    @property
    def mode(self) -> Tensor:
        """The most probable grey level."""
        return self._grid[self.probs.argmax(-1)]

    @property
    def _grid(self) -> Tensor:
        levels = self._num_events
        index = torch.arange(levels, dtype=self._param.dtype, device=self._param.device)
        return index / (levels - 1)

    def expand(self, batch_shape: Size, _instance: Any = None) -> "LevelCategorical":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(LevelCategorical, _instance)
        return super().expand(batch_shape, new)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws grey levels."""
        with torch.no_grad():
            return self._grid[super().sample(Size(sample_shape))]

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of grey levels."""
        if self._validate_args:
            self._validate_sample(value)
        index = level_of(value, self._num_events).long().unsqueeze(-1)
        index, logits = torch.broadcast_tensors(index, self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """The grid of grey levels, ``(L, *batch)``, or ``(L, 1, ..., 1)`` unless expanded."""
        values = self._grid.reshape(-1, *(1 for _ in self.batch_shape))
        return values.expand(-1, *self.batch_shape) if expand else values
