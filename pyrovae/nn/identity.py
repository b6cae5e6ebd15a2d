"""The identity as a network."""

from torch import Tensor

from pyrovae.nn.network import Network, Shape

__all__ = ["Identity"]


class Identity(Network):
    """Returns its input, for a part whose parameters are given to it directly.

    Args:
        shape: Shape of one input.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, shape)

    def transform(self, x: Tensor) -> Tensor:
        """Returns ``(n, *shape)`` unchanged."""
        return x
