"""Multilayer perceptron with gated hidden layers."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from pyrovae.nn.initial import Initial, initialize
from pyrovae.nn.network import Network, Shape, check_layers

__all__ = ["GatedMLP"]


class GatedMLP(Network):
    r"""Multilayer perceptron whose hidden units are linear, each multiplied by its own gate.

    .. math:: h_{l+1} = (W_l h_l + b_l) \odot \sigma(V_l h_l + c_l)

    The output is a linear map of the last hidden layer. This is the network of the VampPrior paper
    and of later work that compares with it.

    Dauphin, Fan, Auli and Grangier, 2017, Language modeling with gated convolutional networks,
    https://arxiv.org/abs/1612.08083; Tomczak and Welling, 2018, VAE with a VampPrior,
    https://arxiv.org/abs/1705.07120.

    Args:
        in_shape: Shape of one input: a number of features or, say, (channels, height, width).
        hidden: Number of units of each hidden layer, from input to output; empty for a linear map.
        out_shape: Shape of one output.
        init: How to initialise the weights; see `initialize`.

    Raises:
        ValueError: If a size is not positive, or there is no such initialisation.
    """

    def __init__(
        self,
        in_shape: Shape,
        hidden: Sequence[int],
        out_shape: Shape,
        *,
        init: Initial = "torch",
    ) -> None:
        super().__init__(in_shape, out_shape)
        check_layers(hidden, "hidden")
        sizes = [prod(self.in_shape), *hidden]
        self.layers = nn.Sequential(*(_Gated(n_in, n_out) for n_in, n_out in pairwise(sizes)))
        self.layers.append(nn.Linear(sizes[-1], prod(self.out_shape)))
        initialize(self.layers, init)

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, *in_shape)`` to ``(n, features)``."""
        return self.layers(x.flatten(1))


class _Gated(nn.Module):
    """A linear layer multiplied by a gate that is computed from the same inputs."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.gate = nn.Linear(n_in, n_out)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(n, n_in)`` to ``(n, n_out)``."""
        return self.linear(x) * self.gate(x).sigmoid()
