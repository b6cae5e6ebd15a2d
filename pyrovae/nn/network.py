"""The base class of all networks, and checks of their shapes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod
from typing import Literal, TypeAlias

import torch
from torch import Size, Tensor, nn

from pyrovae.component import Component

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Network",
    "Shape",
    "activation_function",
    "as_size",
    "check_layers",
    "check_network",
    "divided",
    "latents_per",
    "stacked",
]

Shape: TypeAlias = int | Sequence[int]

Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh"]
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


def activation_function(name: str) -> nn.Module:
    """Makes the activation of the given name.

    Raises:
        ValueError: If there is no activation of that name.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS[name]()


def as_size(shape: Shape, name: str = "shape") -> Size:
    """Reads a shape given as a number of features or as a sequence of sizes.

    Raises:
        ValueError: If a size is not a positive integer.
    """
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if not sizes or any(not isinstance(n, int) or n < 1 for n in sizes):
        raise ValueError(f"{name}: expected positive sizes, got {shape!r}")
    return Size(sizes)


def check_layers(sizes: Sequence[int], name: str) -> None:
    """Checks that the sizes of all layers are positive.

    Raises:
        ValueError: If one is not.
    """
    if isinstance(sizes, str) or not isinstance(sizes, Sequence):
        raise ValueError(f"{name}: expected a list of layer sizes, such as [400], got {sizes!r}")
    if any(not isinstance(n, int) or n < 1 for n in sizes):
        raise ValueError(f"{name}: expected positive layer sizes, got {list(sizes)}")


class Network(Component, ABC):
    r"""A map :math:`(*, \text{in\_shape}) \to (*, \text{out\_shape})`, for any leading dimensions.

    The particles of an importance-weighted bound, an enumerated variable and the data each add a
    leading dimension, so a network must not rely on there being exactly one.

    Args:
        in_shape: Shape of one input: a number of features or, say, (channels, height, width).
        out_shape: Shape of one output, in the same form.
    """

    def __init__(self, in_shape: Shape, out_shape: Shape) -> None:
        super().__init__()
        self.in_shape = as_size(in_shape, "in_shape")
        self.out_shape = as_size(out_shape, "out_shape")

    @abstractmethod
    def transform(self, x: Tensor) -> Tensor:
        """Maps a batch with exactly one leading dimension, ``(n, *in_shape)``.

        The result may have any shape with as many numbers as ``out_shape`` for each of the ``n``.
        """

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(*batch, *in_shape)`` to ``(*batch, *out_shape)``.

        Raises:
            ValueError: If the trailing dimensions of ``x`` are not ``in_shape``.
        """
        events = len(self.in_shape)
        batch = x.shape[: x.dim() - events]
        if x.dim() < events or x.shape[x.dim() - events :] != self.in_shape:
            raise ValueError(
                f"{type(self).__name__}: expected an input of shape (*batch, "
                f"{', '.join(map(str, self.in_shape))}), got {tuple(x.shape)}"
            )
        # Latents and data are never in half precision, but a network may be.
        weight = next(self.parameters(), x)
        if weight.dtype in (torch.bfloat16, torch.float16):
            x = x.to(weight.dtype)
        y = self.transform(x.reshape(prod(batch), *self.in_shape))
        return y.reshape(*batch, *self.out_shape)


def check_network(network: object) -> None:
    """Checks that an object declares its shapes, as a `Network` does.

    Raises:
        ValueError: If it is not a `Network`.
    """
    if not isinstance(network, Network):
        raise ValueError(
            "network: expected a pyrovae.nn.Network, which declares its shapes, "
            f"got {type(network).__name__}"
        )


def divided(network: Network, parameters: int, expected: str) -> Size:
    """Returns the network's ``out_shape`` with its first dimension divided by a number.

    Args:
        network: The network.
        parameters: The number of parameters to divide by.
        expected: The expected ``out_shape`` in words, for the message.

    Raises:
        ValueError: If it is not a `Network`, or its first dimension is not divisible by the
            number.
    """
    check_network(network)
    first, *rest = network.out_shape
    if first % parameters:
        raise ValueError(
            f"network: expected an out_shape {expected}, got {tuple(network.out_shape)}"
        )
    return Size([first // parameters, *rest])


def latents_per(network: Network, parameters: int) -> Size:
    """Returns the shape of a latent, given the number of parameters for each of its variables.

    The parameters are stacked along the first dimension: ``(2 * C, H, W)`` holds two for each
    variable of a map ``(C, H, W)``.

    Raises:
        ValueError: If it is not a `Network`, or its first dimension is not divisible by the
            number.
    """
    expected = (
        f"of {parameters} numbers for each latent variable, one behind the other along the first "
        "dimension"
    )
    return divided(network, parameters, expected)


def stacked(latent: Shape, parameters: int) -> Size:
    """Returns the ``out_shape`` of a network with this many parameters for each variable.

    The inverse of `latents_per`.
    """
    first, *rest = as_size(latent, "latent_features")
    return Size([parameters * first, *rest])
