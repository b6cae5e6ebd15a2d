"""The layout of each variable's parameters in a network's output."""

from collections.abc import Mapping
from typing import Any

from torch import Size, Tensor

from pyrovae.nn.network import Network, divided

__all__ = ["divide_shape", "multiply_shape", "parameters_last", "shape_within"]


def multiply_shape(data_shape: Size, parameters: int) -> Size:
    """Returns the ``out_shape`` of a network with several parameters for each variable of a datum.

    The first dimension is multiplied: the first parameter of all variables, then the second one.
    """
    return Size([parameters * data_shape[0], *data_shape[1:]])


def divide_shape(network: Network, parameters: int, what: str) -> Size:
    """Returns the shape of a datum, given a network with several parameters for each variable.

    Args:
        network: The network.
        parameters: Number of parameters of each variable.
        what: Description of the parameters, for the error message.

    Raises:
        ValueError: If it is not a `Network`, or its first dimension is not divisible by
            ``parameters``.
    """
    return divided(network, parameters, f"whose first dimension divides by {parameters} ({what})")


def parameters_last(y: Tensor, parameters: int, event_dim: int) -> Tensor:
    """Reshapes ``(*batch, parameters * n, ...)`` to ``(*batch, n, ..., parameters)``."""
    return y.unflatten(-event_dim, (parameters, -1)).movedim(-event_dim - 1, -1)


def shape_within(data_shape: Size, options: Mapping[str, Any]) -> Size:
    """Returns the ``out_shape`` of the network that a likelihood shares with the one it wraps.

    Args:
        data_shape: Shape of one datum.
        options: The arguments of the outer likelihood; see `Likelihood.network_shape`.

    Raises:
        ValueError: If there is no likelihood among them.
    """
    within = options.get("likelihood")
    if within is None:
        raise ValueError("likelihood: expected a wrapped likelihood, got none")
    shape: Size = within(data_shape)
    return shape
