"""Multilayer perceptron."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from pyrovae.nn.batch_norm import BatchNorm1d
from pyrovae.nn.initial import Initial, initialize
from pyrovae.nn.network import Activation, Network, Shape, activation_function, check_layers

__all__ = ["MLP"]


class MLP(Network):
    r"""Multilayer perceptron: linear layers with a nonlinearity between them.

    Inputs are flattened and outputs reshaped, so it takes and returns images directly.

    Args:
        in_shape: Shape of one input: a number of features or, say, (channels, height, width).
        hidden: Number of units of each hidden layer, from input to output; empty for a linear map.
        out_shape: Shape of one output.
        activation: Nonlinearity between the layers.
        batch_norm: Whether to normalise each hidden layer over the batch.
        dropout: Share of hidden units set to zero during training.
        init: How to initialise the weights; see `initialize`.

    Raises:
        ValueError: If a size is not positive, ``dropout`` is outside [0, 1) or there is no such
            initialisation.
    """

    def __init__(
        self,
        in_shape: Shape,
        hidden: Sequence[int],
        out_shape: Shape,
        *,
        activation: Activation = "relu",
        batch_norm: bool = False,
        dropout: float = 0.0,
        init: Initial = "torch",
    ) -> None:
        super().__init__(in_shape, out_shape)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout: expected a probability in [0, 1), got {dropout}")
        check_layers(hidden, "hidden")
        sizes = [prod(self.in_shape), *hidden, prod(self.out_shape)]
        self.layers = nn.Sequential()
        for n_in, n_out in pairwise(sizes[:-1]):
            self.layers.append(nn.Linear(n_in, n_out))
            if batch_norm:
                self.layers.append(BatchNorm1d(n_out))
            self.layers.append(activation_function(activation))
            if dropout:
                self.layers.append(nn.Dropout(dropout))
        self.layers.append(nn.Linear(sizes[-2], sizes[-1]))
        initialize(self.layers, init)

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, *in_shape)`` to ``(n, features)``."""
        return self.layers(x.flatten(1))
