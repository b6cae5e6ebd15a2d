"""A trained network that reads more numbers than it did."""

from typing import cast

import torch
from torch import Size, Tensor, nn

from pyrovae.nn.chain import Chain
from pyrovae.nn.log1p import Log1p
from pyrovae.nn.mlp import MLP
from pyrovae.nn.network import Network

__all__ = ["Widened"]


class Widened(Network):
    r"""A network that reads more numbers, through weights of its own into its first layer.

    .. math:: h = W x + V x' + b, \quad V = 0 \text{ at first}

    where :math:`h` is what the first layer puts out, :math:`x` what the network read before and
    :math:`x'` what it reads now as well. So its outputs are what they were wherever x' is 0, and
    V is all there is to learn of what is new.

    Args:
        network: An `MLP`, or a `Chain` of `Log1p` and one.
        at: Before which number of its input the new ones stand.
        extra: How many there are.

    Raises:
        ValueError: If the network is no such one, or there is no such place.
    """

    def __init__(self, network: Network, *, at: int, extra: int) -> None:
        first = _first(network)
        if len(network.in_shape) != 1 or not 0 <= at <= network.in_shape[0] or extra < 1:
            raise ValueError(
                f"expected at least one number more of the {tuple(network.in_shape)} that the "
                f"network reads, got {extra} before number {at}"
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
    """The network with the first layer.

    Raises:
        ValueError: If it is none whose first layer is linear in its input.
    """
    *before, last = _parts(network)
    if not isinstance(last, MLP) or not all(isinstance(part, Log1p) for part in before):
        names = ", ".join(type(part).__name__ for part in (*before, last))
        raise ValueError(f"network: expected an MLP, or a Chain of Log1p and an MLP, got {names}")
    return last
