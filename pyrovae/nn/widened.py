"""A trained network, extended to read additional numbers."""

from typing import cast

import torch
from torch import Size, Tensor, nn

from pyrovae.nn.chain import Chain
from pyrovae.nn.log1p import Log1p
from pyrovae.nn.mlp import MLP
from pyrovae.nn.network import Network

__all__ = ["Widened"]


class Widened(Network):
    r"""A network that reads additional numbers, through new weights into its first layer.

    .. math:: h = W x + V x' + b, \quad V = 0 \text{ at first}

    where :math:`h` is the output of the first layer, :math:`x` the original input and :math:`x'`
    the additional one. So its outputs are unchanged wherever x' is 0, and V is all that has to be
    learned for the new input.

    Args:
        network: An `MLP`, or a `Chain` of `Log1p` and an `MLP`.
        at: Index in the input before which the new numbers are inserted.
        extra: Number of new numbers.

    Raises:
        ValueError: If the network is of another kind, or there is no such index.
    """

    def __init__(self, network: Network, *, at: int, extra: int) -> None:
        first = _first(network)
        if len(network.in_shape) != 1 or not 0 <= at <= network.in_shape[0] or extra < 1:
            raise ValueError(
                "extra, at: expected at least 1 new input at an index of the vector "
                f"{tuple(network.in_shape)} that the network reads, got {extra} at index {at}"
            )
        super().__init__(Size([network.in_shape[0] + extra]), network.out_shape)
        self.network = network
        self.at, self.extra = at, extra
        layer = first.layers[0]
        assert isinstance(layer, nn.Linear)
        self.weight = nn.Parameter(layer.weight.new_zeros(layer.out_features, extra))

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, in + extra)`` to ``(n, *out_shape)``."""
        new = x[:, self.at : self.at + self.extra]
        x = torch.cat([x[:, : self.at], x[:, self.at + self.extra :]], dim=1)
        for network in _parts(self.network):
            if isinstance(network, MLP):
                layers = network.layers
                x = layers[1:](layers[0](x.flatten(1)) + new @ self.weight.T)
            else:
                x = network(x)
        return x


def _parts(network: Network) -> list[Network]:
    if isinstance(network, Chain):
        return [part for each in network.networks for part in _parts(cast(Network, each))]
    return [network]


def _first(network: Network) -> MLP:
    """Returns the network that contains the first layer.

    Raises:
        ValueError: If its first layer is not linear in the input.
    """
    *before, last = _parts(network)
    if not isinstance(last, MLP) or not all(isinstance(part, Log1p) for part in before):
        names = ", ".join(type(part).__name__ for part in (*before, last))
        raise ValueError(f"network: expected an MLP, or a Chain of Log1p and an MLP, got {names}")
    return last
