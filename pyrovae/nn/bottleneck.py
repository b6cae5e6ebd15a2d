"""A bottleneck as a network between maps of one size."""

from collections.abc import Sequence
from math import prod

from torch import Tensor

from pyrovae.nn.conv import kernel_dimensions
from pyrovae.nn.convolution import WeightNorm, check_checkpointing
from pyrovae.nn.network import Activation, Network, Shape, as_size
from pyrovae.nn.residual_blocks import bottleneck, in_turn

__all__ = ["Bottleneck"]


class Bottleneck(Network):
    r"""Convolutions in a row between maps of one height and width.

    .. math:: x \mapsto W_m \, a(W_{m-1} \dots a(W_1 \, a(n(x))))

    with a group normalisation :math:`n` and an activation :math:`a`.
    By default there are four, and those with large kernels work on few channels, as in a
    `BottleneckBlock`, but the input is never added to the output, whatever their channels. The
    layers of a deep hierarchy are made of such networks: Child, 2021,
    https://arxiv.org/abs/2011.10650.

    Args:
        in_shape: (channels, height, width) of one input, or the shape of a signal or volume.
        out_shape: Shape of one output, which may differ from ``in_shape`` only in its channels.
        width: Number of channels inside, on which the large kernels work.
        kernels: Size of each kernel, at least two, all odd: ``(1, 1)`` is a network with one hidden
            layer that reads each place by itself.
        activation: Nonlinearity before each convolution.
        share: Factor for the initial weights of the last convolution.
        weight_norm: How weights are normalised; ``"spectral"`` leaves out the last convolution, see
            `ResidualEncoder`.
        checkpointing: Whether it is recomputed in the backward pass; see `ResidualEncoder`.

    Raises:
        ValueError: If the shapes are not those of two such maps, the width or a kernel does not fit,
            or spectral normalisation is combined with ``checkpointing``.
    """

    def __init__(
        self,
        in_shape: Shape,
        out_shape: Shape,
        *,
        width: int,
        kernels: Sequence[int] = (1, 3, 3, 1),
        activation: Activation = "silu",
        share: float = 1.0,
        weight_norm: WeightNorm = "none",
        checkpointing: bool = False,
    ) -> None:
        super().__init__(in_shape, out_shape)
        dimensions = kernel_dimensions(self.in_shape, "in_shape")
        if self.out_shape[1:] != self.in_shape[1:]:
            raise ValueError(
                f"out_shape: expected a map of size {tuple(self.in_shape[1:])}, the size of "
                f"in_shape, got {tuple(self.out_shape)}"
            )
        if len(kernels) < 2 or any(size < 1 or size % 2 == 0 for size in kernels):
            raise ValueError(f"kernels: expected at least two odd sizes, got {list(kernels)}")
        check_checkpointing(checkpointing, weight_norm)
        self.layers = bottleneck(
            self.in_shape[0],
            self.out_shape[0],
            as_size(width, "width").numel(),
            dimensions=dimensions,
            activation=activation,
            kernels=kernels,
            kernel=1 if prod(self.in_shape[1:]) == 1 else max(kernels),
            share=share,
            weight_norm=weight_norm,
        )
        self.checkpointing = checkpointing

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, *in_shape)`` to ``(n, *out_shape)``."""
        return in_turn([self.layers], x, checkpointing=self.checkpointing)
