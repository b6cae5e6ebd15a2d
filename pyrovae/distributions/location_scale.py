"""Base classes of distributions with a location and a scale."""

from typing import Any, ClassVar, Self

from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions.utils import broadcast_all

__all__ = ["LocationScale", "UnivariateLocationScale"]


class LocationScale(TorchDistribution):
    """A distribution whose only parameters are a location and a scale.

    Attributes:
        loc: The location, ``(*batch_shape, *event_shape)``.
        scale: The scale, ``(*batch_shape, ...)``: one, or one for each variable of an event.
    """

    has_rsample = True
    loc: Tensor
    scale: Tensor

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """The same distribution for a larger batch."""
        new: Self = self._get_checked_instance(type(self), _instance)
        batch, before = Size(batch_shape), len(self.batch_shape)
        new.loc = self.loc.expand(batch + self.loc.shape[before:])
        new.scale = self.scale.expand(batch + self.scale.shape[before:])
        TorchDistribution.__init__(new, batch, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new


class UnivariateLocationScale(LocationScale):
    """A location-scale distribution of a single variable.

    Args:
        loc: The location.
        scale: The scale, positive.
        validate_args: Whether to check arguments and values.

    Raises:
        ValueError: If validation is on, and a scale is not positive.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.real,
        "scale": constraints.positive,
    }

    def __init__(
        self, loc: Tensor | float, scale: Tensor | float, *, validate_args: bool | None = None
    ) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)
