"""A discriminator of image patches."""

from collections.abc import Sequence

from torch import Tensor, nn

from pyrovae.nn.network import Network, Shape, as_size, check_layers

__all__ = ["PatchDiscriminator"]


class PatchDiscriminator(Network):
    r"""Convolutions that return one logit for each patch of an image (PatchGAN).

    .. math:: x \mapsto W_{m+1} * h_m, \qquad h_l = a(W_l * h_{l-1}), \quad h_0 = x

    There are layers of 4 x 4 with stride 2 and leaky rectifiers, followed by one of 3 x 3 that
    returns the logits. There is no batch normalisation, so the logits of an image do not depend on
    other images.

    Isola et al., 2017, Image-to-image translation with conditional adversarial networks,
    https://arxiv.org/abs/1611.07004.

    Args:
        in_shape: Shape of an image, ``(channels, height, width)``.
        channels: Number of channels of each layer with a stride.

    Raises:
        ValueError: If the shape is not that of an image, or the image is too small for the layers.
    """

    def __init__(self, in_shape: Shape, *, channels: Sequence[int] = (64, 128, 256)) -> None:
        shape = as_size(in_shape, "in_shape")
        check_layers(channels, "channels")
        if len(shape) != 3 or min(shape[1:]) < 2 ** len(channels):
            raise ValueError(
                f"in_shape: expected images of at least {2 ** len(channels)} x {2 ** len(channels)} "
                f"for {len(channels)} layers, got {tuple(shape)}"
            )
        sizes = [n // 2 ** len(channels) for n in shape[1:]]
        super().__init__(shape, (1, *sizes))
        layers: list[nn.Module] = []
        for before, after in zip([shape[0], *channels], channels, strict=False):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        last = [shape[0], *channels][-1]
        self.layers = nn.Sequential(*layers, nn.Conv2d(last, 1, 3, padding=1))

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, *in_shape)`` to logits, ``(n, 1, height, width)``."""
        found: Tensor = self.layers(x)
        return found
