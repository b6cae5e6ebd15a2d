"""Networks one after another."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from pyrovae.nn.network import Network

__all__ = ["Chain"]


class Chain(Network):
    """Networks one after another, as one network.

    Networks that are also used elsewhere (the encoders of a `LadderVAE`) are shared, not copied.

    Args:
        networks: The networks, from input to output.

    Raises:
        ValueError: If there are no networks, or an output does not fit the next input.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        if not networks:
            raise ValueError("networks: expected at least one, got none")
        for first, second in pairwise(networks):
            if first.out_shape != second.in_shape:
                raise ValueError(
                    "networks: expected each network's in_shape to be the out_shape of the one "
                    f"before it, got out_shape {tuple(first.out_shape)} followed by in_shape "
                    f"{tuple(second.in_shape)}"
                )
        super().__init__(networks[0].in_shape, networks[-1].out_shape)
        self.networks = nn.ModuleList(networks)

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, *in_shape)`` to ``(n, *out_shape)``."""
        for network in self.networks:
            x = network(x)
        return x
