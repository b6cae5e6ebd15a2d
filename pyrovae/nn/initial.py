"""Initialisation of a network's weights."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

__all__ = ["Initial", "initialize", "set_output_bias"]

Initial = Literal["torch", "glorot", "he"]


def initialize(network: nn.Module, init: Initial) -> None:
    r"""Initialises the weights of a network's dense layers and convolutions.

    A weight has :math:`n` inputs and :math:`m` outputs, multiplied in convolutions by the size of
    the kernel. ``"torch"`` keeps PyTorch's initial weights and biases, :math:`U(-1/\sqrt n,
    1/\sqrt n)`. The others set biases to 0 and draw weights from

    * ``"glorot"``: :math:`U(-a, a)` with :math:`a = \sqrt{6 / (n + m)}`, the default of Keras;
      Glorot and Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html.
    * ``"he"``: :math:`N(0, 2 / n)`; He et al., 2015, https://arxiv.org/abs/1502.01852.

    Args:
        network: The network.
        init: Name of the initialisation.

    Raises:
        ValueError: If there is no initialisation of that name.
    """
    if init not in get_args(Initial):
        raise ValueError(f"init: expected one of {', '.join(get_args(Initial))}, got {init!r}")
    if init == "torch":
        return
    for layer in network.modules():
        if not isinstance(layer, nn.Linear | _ConvNd):
            continue
        if init == "glorot":
            nn.init.xavier_uniform_(layer.weight)
        else:
            nn.init.normal_(layer.weight, 0.0, (2 / _inputs(layer)) ** 0.5)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def set_output_bias(network: nn.Module, values: Tensor) -> None:
    """Sets the bias of a network's last layer.

    Args:
        network: A network whose last layer is dense or a convolution.
        values: One number for each output, with the shape of the output. A convolution has one
            bias per channel, which is set to the mean of the channel's numbers.

    Raises:
        ValueError: If the last layer has no such bias.
    """
    layers = [layer for layer in network.modules() if not [*layer.children()]]
    bias = getattr(layers[-1], "bias", None) if layers else None
    if isinstance(layers[-1], _ConvNd) and values.dim() > 1:
        values = values.flatten(1).mean(1)
    if not isinstance(bias, nn.Parameter) or bias.numel() != values.numel():
        raise ValueError(
            f"network: expected a last layer with a bias for {values.numel()} outputs, got "
            f"{type(layers[-1]).__name__}"
        )
    with torch.no_grad():
        bias.copy_(values.flatten())


def _inputs(layer: nn.Linear | _ConvNd) -> int:
    """The number of terms in one output; the weight of a transposed convolution is (in, out)."""
    weight = layer.weight.transpose(0, 1) if isinstance(layer, _ConvTransposeNd) else layer.weight
    inputs = weight[0].numel()
    if isinstance(layer, _ConvTransposeNd):
        # With a stride, only a part of the kernel contributes to each output.
        inputs = max(1, inputs // torch.Size(layer.stride).numel())
    return inputs
