"""The network that changes nothing."""

from torch import Tensor

from pyrovae.nn.network import Network, Shape

__all__ = ["Identity"]


class Identity(Network):
    """Passes its input on: for a part whose parameters are all that it is given.

    Args:
        shape: Shape of one input.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, shape)

    def transform(self, x: Tensor) -> Tensor:
        """Gives ``(n, *shape)`` back."""
        return x
