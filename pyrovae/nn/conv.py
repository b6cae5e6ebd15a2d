"""Convolutional networks for signals, images and volumes of any size."""

from collections.abc import Sequence
from math import prod

from torch import Size, Tensor, nn

from pyrovae.nn.batch_norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from pyrovae.nn.initial import Initial, initialize
from pyrovae.nn.network import Activation, Network, Shape, activation_function, check_layers

__all__ = ["ConvDecoder", "ConvEncoder", "halved", "kernel_dimensions"]


# By the number of dimensions of the kernel.
CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORM = {1: BatchNorm1d, 2: BatchNorm2d, 3: BatchNorm3d}


def kernel_dimensions(shape: Size, name: str) -> int:
    """Returns the number of dimensions of a kernel, without the channels."""
    if len(shape) - 1 not in CONV:
        raise ValueError(
            f"{name}: a convolution expects (channels, length), (channels, height, width) or "
            f"(channels, depth, height, width), got {tuple(shape)}"
        )
    return len(shape) - 1


def halved(size: Sequence[int], times: int) -> list[tuple[int, ...]]:
    """Returns the spatial sizes before and after each stride-2 layer, rounded up."""
    sizes = [tuple(size)]
    for _ in range(times):
        sizes.append(tuple((n + 1) // 2 for n in sizes[-1]))
    return sizes


class ConvEncoder(Network):
    r"""Convolutions of stride 2, then dense layers, from an image to a vector of parameters.

    Each convolution (kernel 3) halves height and width, rounding up, so any image size works.
    Signals (channels, length) and volumes (channels, depth, height, width) work in the same way:
    the shape determines the number of dimensions of the kernels.

    Args:
        in_shape: (channels, height, width) of one image, or the shape of a signal or volume.
        out_shape: Shape of one output.
        channels: Number of channels of each convolution, from input to output.
        dense: Numbers of units of the dense layers after the convolutions.
        activation: Nonlinearity after each layer but the last.
        batch_norm: Whether to normalise each convolution's channels over the batch.
        init: How to initialise the weights; see `initialize`.

    Raises:
        ValueError: If ``in_shape`` is none of these, ``channels`` is empty, a size is not positive
            or there is no such initialisation.
    """

    def __init__(
        self,
        in_shape: Shape,
        out_shape: Shape,
        *,
        channels: Sequence[int] = (32, 64),
        dense: Sequence[int] = (16,),
        activation: Activation = "relu",
        batch_norm: bool = False,
        init: Initial = "torch",
    ) -> None:
        super().__init__(in_shape, out_shape)
        dimensions = kernel_dimensions(self.in_shape, "in_shape")
        if not channels:
            raise ValueError("channels: expected at least one convolution, got none")
        check_layers(channels, "channels")
        check_layers(dense, "dense")
        self.layers = nn.Sequential()
        n_in = self.in_shape[0]
        for n_out in channels:
            self.layers.append(
                CONV[dimensions](n_in, n_out, 3, stride=2, padding=1, bias=not batch_norm)
            )
            if batch_norm:
                self.layers.append(BATCH_NORM[dimensions](n_out))
            self.layers.append(activation_function(activation))
            n_in = n_out
        self.layers.append(nn.Flatten())
        n_in *= prod(halved(self.in_shape[1:], len(channels))[-1])
        for n_out in dense:
            self.layers.append(nn.Linear(n_in, n_out))
            self.layers.append(activation_function(activation))
            n_in = n_out
        self.layers.append(nn.Linear(n_in, prod(self.out_shape)))
        initialize(self.layers, init)

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, channels, ...)`` to ``(n, features)``."""
        return self.layers(x)


class ConvDecoder(Network):
    r"""Dense layers, then transposed convolutions of stride 2, from a latent vector to an image.

    It mirrors `ConvEncoder`: a dense layer makes a small image of ``channels[0]`` channels, each
    transposed convolution (kernel 3) doubles its size, and a last convolution makes the output's
    channels. Heights and widths that are not multiples of two are also matched exactly.

    Args:
        in_shape: Shape of one latent.
        out_shape: (channels, height, width) of one output, or the shape of a signal or volume.
        channels: Number of channels of each transposed convolution, from input to output.
        dense: Numbers of units of the dense layers before the small image.
        activation: Nonlinearity after each layer but the last.
        batch_norm: Whether to normalise each convolution's channels over the batch.
        init: How to initialise the weights; see `initialize`.

    Raises:
        ValueError: If ``out_shape`` is none of these, ``channels`` is empty, a size is not
            positive or there is no such initialisation.
    """

    def __init__(
        self,
        in_shape: Shape,
        out_shape: Shape,
        *,
        channels: Sequence[int] = (64, 32),
        dense: Sequence[int] = (),
        activation: Activation = "relu",
        batch_norm: bool = False,
        init: Initial = "torch",
    ) -> None:
        super().__init__(in_shape, out_shape)
        dimensions = kernel_dimensions(self.out_shape, "out_shape")
        if not channels:
            raise ValueError("channels: expected at least one convolution, got none")
        check_layers(channels, "channels")
        check_layers(dense, "dense")
        sizes = halved(self.out_shape[1:], len(channels))[::-1]
        n_in = prod(self.in_shape)
        self.layers = nn.Sequential(nn.Flatten())
        for n_out in [*dense, channels[0] * prod(sizes[0])]:
            self.layers.append(nn.Linear(n_in, n_out))
            self.layers.append(activation_function(activation))
            n_in = n_out
        self.layers.append(nn.Unflatten(1, (channels[0], *sizes[0])))
        n_in = channels[0]
        for n_out, small, large in zip(channels, sizes[:-1], sizes[1:], strict=True):
            # (small - 1) * 2 - 2 + 3 = 2 * small - 1 pixels, plus one if large is even.
            padding = tuple(b - (2 * a - 1) for a, b in zip(small, large, strict=True))
            self.layers.append(
                TRANSPOSED[dimensions](
                    n_in,
                    n_out,
                    3,
                    stride=2,
                    padding=1,
                    output_padding=padding,  # type: ignore[arg-type]
                    bias=not batch_norm,
                )
            )
            if batch_norm:
                self.layers.append(BATCH_NORM[dimensions](n_out))
            self.layers.append(activation_function(activation))
            n_in = n_out
        self.layers.append(CONV[dimensions](n_in, self.out_shape[0], 3, padding=1))
        initialize(self.layers, init)

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, *in_shape)`` to ``(n, channels, ...)``."""
        return self.layers(x)
