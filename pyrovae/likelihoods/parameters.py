"""Where the parameters of each variable stand in a network's output."""

from collections.abc import Mapping
from typing import Any

from torch import Size, Tensor

from pyrovae.nn.network import Network, divided

__all__ = ["divide_shape", "multiply_shape", "parameters_last", "shape_within"]


def multiply_shape(data_shape: Size, parameters: int) -> Size:
    """The ``out_shape`` of a network that gives each variable of a datum so many parameters.

    They multiply the first dimension: all of the first parameter, then all of the next.
    """
    return Size([parameters * data_shape[0], *data_shape[1:]])


def divide_shape(network: Network, parameters: int, what: str) -> Size:
    """The shape of a datum whose variables get so many parameters each from a network.

    Args:
        network: The network.
        parameters: Number of parameters of each variable.
        what: Which they are, for the message.

    Raises:
        ValueError: If it is not a `Network`, or its first dimension does not divide so.
    """
    return divided(network, parameters, f"whose first dimension divides by {parameters} ({what})")


def parameters_last(y: Tensor, parameters: int, event_dim: int) -> Tensor:
    """Brings ``(*batch, parameters * n, ...)`` to ``(*batch, n, ..., parameters)``."""
    return y.unflatten(-event_dim, (parameters, -1)).movedim(-event_dim - 1, -1)


def shape_within(data_shape: Size, options: Mapping[str, Any]) -> Size:
    """What the likelihood within a likelihood says of the network that the two share.

    Args:
        data_shape: Shape of one datum.
        options: The arguments of the one around; see `Likelihood.network_shape`.

    Raises:
        ValueError: If there is none within it.
    """
    within = options.get("likelihood")
    if within is None:
        raise ValueError("likelihood: expected one within it, got none")
    shape: Size = within(data_shape)
    return shape
