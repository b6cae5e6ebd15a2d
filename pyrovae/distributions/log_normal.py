"""The log-normal, by the location and scale of the logarithm."""

from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions.utils import broadcast_all

from pyrovae.distributions.normal import Normal

__all__ = ["LogNormal"]


class LogNormal(TorchDistribution):
    r"""Positive numbers whose logarithm is normal.

    .. math:: \log p(x) = \log N(\log x; \mu, \sigma^2) - \log x

    Args:
        loc: The location :math:`\mu` of the logarithm.
        scale: Its scale :math:`\sigma`, positive.
        validate_args: Whether to check arguments and values.

    Raises:
        ValueError: Where checked, if a scale or a value is not positive.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.positive
    has_rsample = True

    def __init__(
        self, loc: Tensor | float, scale: Tensor | float, *, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def expand(self, batch_shape: Size, _instance: Any = None) -> "LogNormal":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(LogNormal, _instance)
        new.loc, new.scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        super(LogNormal, new).__init__(Size(batch_shape), validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def mean(self) -> Tensor:
        """The mean, exp(mu + sigma^2 / 2)."""
        return (self.loc + 0.5 * self.scale.square()).exp()

    @property
    def variance(self) -> Tensor:
        """The variance."""
        return self.mean.square() * self.scale.square().expm1()

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of positive numbers."""
        if self._validate_args:
            self._validate_sample(value)
        log = value.log()
        return Normal(self.loc, self.scale, validate_args=False).log_prob(log) - log

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, with gradients."""
        shape = self._extended_shape(Size(sample_shape))
        noise = torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        smallest = torch.finfo(noise.dtype).tiny
        return (self.loc + self.scale * noise).exp().clamp(min=smallest)
