"""Residual networks between images and latents."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any, Literal

from torch import Size, Tensor, nn

from pyrovae.nn.conv import halved, kernel_dimensions
from pyrovae.nn.convolution import WeightNorm, check_checkpointing, convolution, group_norm
from pyrovae.nn.network import (
    Activation,
    Network,
    Shape,
    activation_function,
    as_size,
    check_layers,
)
from pyrovae.nn.residual_blocks import (
    BottleneckBlock,
    Halve,
    ResidualBlock,
    SelfAttention,
    WidenTo,
    in_turn,
)
from pyrovae.nn.squares import check_patch, pixels_of, squares_of

__all__ = ["ResidualDecoder", "ResidualEncoder"]


class _Residual(Network):
    """The common part of encoder and decoder: the resolutions, and the blocks at each.

    Args:
        in_shape: Shape of one input.
        out_shape: Shape of one output.
        image: Which of the two is the shape of the image; it determines the resolutions.
        channels: Number of channels at each resolution, from the largest to the smallest.
        blocks: Number of blocks at each resolution.
        bottleneck: Factor by which the channels are divided within a block.
        attention: Whether places attend to each other at the lowest resolution.
        patch: Length of a side of the squares of pixels that are one place of the first resolution.
        activation: The nonlinearity.
        weight_norm: How the weights of convolutions are normalised.
        checkpointing: Whether blocks are recomputed in the backward pass.
    """

    def __init__(
        self,
        in_shape: Shape,
        out_shape: Shape,
        *,
        image: Literal["in_shape", "out_shape"],
        channels: Sequence[int],
        blocks: int,
        bottleneck: int,
        attention: bool,
        patch: int,
        activation: Activation,
        weight_norm: WeightNorm,
        checkpointing: bool,
    ) -> None:
        super().__init__(in_shape, out_shape)
        shape = self.in_shape if image == "in_shape" else self.out_shape
        self.dimensions = kernel_dimensions(shape, image)
        if not channels:
            raise ValueError("channels: expected at least one resolution, got none")
        check_layers(channels, "channels")
        as_size(blocks, "blocks")
        as_size(bottleneck, "bottleneck")
        check_checkpointing(checkpointing, weight_norm)
        self.sizes = halved(check_patch(shape, patch, image), len(channels) - 1)
        self.patch = patch
        self.blocks, self.bottleneck, self.attention = blocks, bottleneck, attention
        self.activation = activation
        self.weight_norm: WeightNorm = weight_norm
        self.checkpointing = checkpointing
        # With this factor the sum of all branches is as large as one of them.
        branches = len(channels) * blocks + attention
        self.share = branches**-0.5
        self.layers = nn.ModuleList()

    def at(self, level: int, channels: int) -> list[nn.Module]:
        """Makes the blocks at a resolution; level 0 is the largest."""
        size, lowest = self.sizes[level], level == len(self.sizes) - 1
        kind: Any = ResidualBlock
        if self.bottleneck > 1:
            width = max(1, channels // self.bottleneck)
            kind = partial(BottleneckBlock, width=width)
        made: list[nn.Module] = [
            kind(
                channels,
                dimensions=self.dimensions,
                activation=self.activation,
                kernel=1 if prod(size) == 1 else 3,
                share=self.share,
                weight_norm=self.weight_norm,
            )
            for _ in range(self.blocks)
        ]
        if lowest and self.attention:
            made.append(SelfAttention(channels, dimensions=self.dimensions, share=self.share))
        return made

    def reads_map(self, shape: Size, name: str) -> bool:
        """Whether the latents are a map, which has the size of the lowest resolution.

        Raises:
            ValueError: If they are a map of another size.
        """
        if len(shape) != self.dimensions + 1:
            return False
        if tuple(shape[1:]) != self.sizes[-1]:
            size = ", ".join(map(str, self.sizes[-1]))
            raise ValueError(
                f"{name}: expected a vector, or a map (channels, {size}) with the size of the "
                f"lowest of the {len(self.sizes)} resolutions of channels, got {tuple(shape)}"
            )
        return True

    def run(self, h: Tensor) -> Tensor:
        """Runs the layers between the first and the last."""
        return in_turn(self.layers, h, checkpointing=self.checkpointing)


class ResidualEncoder(_Residual):
    r"""Residual blocks at decreasing resolutions, from an image to a vector or a map.

    .. math:: h \leftarrow h + F(h) \text{ in each block}, \qquad
        h \leftarrow W * h \text{ from one resolution to the next}

    A convolution makes ``channels[0]`` channels. At each resolution there are residual blocks with
    group normalisation (`ResidualBlock`), and a convolution of stride 2 leads to the next. It
    halves height and width, rounding up, so any image size works. Signals (channels, length) and
    volumes (channels, depth, height, width) work in the same way. The last layer is a convolution
    if the output is a map, and a dense layer if it is a vector.

    He, Zhang, Ren and Sun, 2016, Identity mappings in deep residual networks,
    https://arxiv.org/abs/1603.05027.

    Args:
        in_shape: (channels, height, width) of one image, or the shape of a signal or volume.
        out_shape: Shape of one output: a vector, or a map of the size of the lowest resolution.
        channels: Number of channels at each resolution, starting at the image; the last resolution
            is halved ``len(channels) - 1`` times.
        blocks: Number of residual blocks at each resolution.
        bottleneck: Factor by which the channels are divided within a block: 1 for a
            `ResidualBlock` of two convolutions, more for a `BottleneckBlock`.
        attention: Whether places attend to each other at the lowest resolution (`SelfAttention`).
        patch: Length of a side of the squares of pixels that become the channels of one place
            before the first convolution: with 2, no convolution works at the size of the image,
            where it costs the most. It divides height and width.
        activation: Nonlinearity before each convolution of a block.
        weight_norm: How the weights of convolutions are normalised, ``"weight"``, ``"spectral"``
            or ``"none"``. Attention and the last layer are not normalised; ``"spectral"`` also
            leaves out the last convolution of each block, whose small start it would undo.
        checkpointing: Whether to recompute each block in the backward pass (Chen et al., 2016,
            https://arxiv.org/abs/1604.06174) instead of storing its activations. It takes a third
            more time, and memory for one block instead of all.

    Raises:
        ValueError: If a shape is none of these, ``channels`` is empty, a size is not positive,
            ``patch`` does not divide the image, or spectral normalisation is combined with
            ``checkpointing``.
    """

    def __init__(
        self,
        in_shape: Shape,
        out_shape: Shape,
        *,
        channels: Sequence[int] = (32, 64),
        blocks: int = 1,
        bottleneck: int = 1,
        attention: bool = False,
        patch: int = 1,
        activation: Activation = "silu",
        weight_norm: WeightNorm = "none",
        checkpointing: bool = False,
    ) -> None:
        super().__init__(
            in_shape,
            out_shape,
            image="in_shape",
            channels=channels,
            blocks=blocks,
            bottleneck=bottleneck,
            attention=attention,
            patch=patch,
            activation=activation,
            weight_norm=weight_norm,
            checkpointing=checkpointing,
        )
        d, last = self.dimensions, channels[-1]
        read = self.in_shape[0] * patch**d
        self.first = convolution(d, read, channels[0], 3, norm=weight_norm)
        self.layers.extend(self.at(0, channels[0]))
        for level, (n_in, n_out) in enumerate(pairwise(channels), 1):
            self.layers.append(Halve(n_in, n_out, dimensions=d, weight_norm=weight_norm))
            self.layers.extend(self.at(level, n_out))
        self.last = nn.Sequential(group_norm(last), activation_function(activation))
        if self.reads_map(self.out_shape, "out_shape"):
            self.last.append(convolution(d, last, self.out_shape[0], 3))
        else:
            size = last * prod(self.sizes[-1])
            self.last.extend([nn.Flatten(), nn.Linear(size, prod(self.out_shape))])

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, channels, ...)`` to ``(n, *out_shape)``, or to as many numbers."""
        return self.last(self.run(self.first(squares_of(x, self.patch))))


class ResidualDecoder(_Residual):
    r"""Residual blocks at increasing resolutions, from a vector or a map to an image.

    .. math:: h \leftarrow h + F(h) \text{ in each block}, \qquad
        h \leftarrow W * \operatorname{up}(h) \text{ from one resolution to the next}

    It mirrors `ResidualEncoder`. A dense layer, or for a map a convolution, makes ``channels[0]``
    channels at the lowest resolution. After the blocks of a resolution, nearest-neighbour
    upsampling and a convolution lead to the next. A last convolution makes the output's channels.
    Heights and widths that are not multiples of two are also matched exactly.

    He, Zhang, Ren and Sun, 2016, https://arxiv.org/abs/1603.05027.

    Args:
        in_shape: Shape of one latent: a vector, or a map of the size of the lowest resolution.
        out_shape: (channels, height, width) of one output, or the shape of a signal or volume.
        channels: Number of channels at each resolution, starting at the latent; the first
            resolution is the image's, halved ``len(channels) - 1`` times.
        blocks: Number of residual blocks at each resolution.
        bottleneck: Factor by which the channels are divided within a block: 1 for a
            `ResidualBlock` of two convolutions, more for a `BottleneckBlock`.
        attention: Whether places attend to each other at the lowest resolution (`SelfAttention`).
        patch: Length of a side of the squares of pixels that the last convolution returns as the
            channels of one place; see `ResidualEncoder`.
        activation: Nonlinearity before each convolution of a block.
        weight_norm: As for `ResidualEncoder`; a dense first layer is not normalised either.
        checkpointing: As for `ResidualEncoder`.

    Raises:
        ValueError: As for `ResidualEncoder`.
    """

    def __init__(
        self,
        in_shape: Shape,
        out_shape: Shape,
        *,
        channels: Sequence[int] = (64, 32),
        blocks: int = 1,
        bottleneck: int = 1,
        attention: bool = False,
        patch: int = 1,
        activation: Activation = "silu",
        weight_norm: WeightNorm = "none",
        checkpointing: bool = False,
    ) -> None:
        super().__init__(
            in_shape,
            out_shape,
            image="out_shape",
            channels=channels,
            blocks=blocks,
            bottleneck=bottleneck,
            attention=attention,
            patch=patch,
            activation=activation,
            weight_norm=weight_norm,
            checkpointing=checkpointing,
        )
        d, small, lowest = self.dimensions, channels[0], self.sizes[-1]
        self.first: nn.Module
        if self.reads_map(self.in_shape, "in_shape"):
            self.first = convolution(d, self.in_shape[0], small, 3, norm=weight_norm)
        else:
            dense = nn.Linear(prod(self.in_shape), small * prod(lowest))
            self.first = nn.Sequential(nn.Flatten(), dense, nn.Unflatten(1, (small, *lowest)))
        top = len(channels) - 1
        self.layers.extend(self.at(top, small))
        for level, (n_in, n_out) in zip(range(top)[::-1], pairwise(channels), strict=True):
            size = self.sizes[level]
            self.layers.append(WidenTo(n_in, n_out, size=size, weight_norm=weight_norm))
            self.layers.extend(self.at(level, n_out))
        self.last = nn.Sequential(
            group_norm(channels[-1]),
            activation_function(activation),
            convolution(d, channels[-1], self.out_shape[0] * patch**d, 3),
        )

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, *in_shape)`` to ``(n, channels, ...)``."""
        return pixels_of(self.last(self.run(self.first(x))), self.patch)
