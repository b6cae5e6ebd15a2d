"""Squares of neighbouring pixels as channels, and back."""

from torch import Size, Tensor

from pyrovae.nn.network import as_size

__all__ = ["check_patch", "pixels_of", "squares_of"]


def check_patch(shape: Size, patch: int, name: str) -> tuple[int, ...]:
    """Returns the size of a map whose places are squares of an image.

    Args:
        shape: (channels, height, width) of one image, or the shape of a signal or volume.
        patch: Length of a side of the squares.
        name: What the shape is called.

    Raises:
        ValueError: If the length is not positive, or does not divide the size of the image.
    """
    as_size(patch, "patch")
    if any(n % patch for n in shape[1:]):
        raise ValueError(
            f"patch: expected a divisor of each size of {name} {tuple(shape)}, got {patch}"
        )
    return tuple(n // patch for n in shape[1:])


def squares_of(x: Tensor, patch: int) -> Tensor:
    """Maps images ``(n, c, height, width)`` to ``(n, c * patch**2, height / patch, width / patch)``.

    Shi et al., 2016, Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network, https://arxiv.org/abs/1609.05158 (the inverse of their shuffle).
    Signals and volumes work in the same way.
    """
    n, c, *size = x.shape
    d = len(size)
    split = x.reshape(n, c, *(k for s in size for k in (s // patch, patch)))
    inside, outside = range(3, 3 + 2 * d, 2), range(2, 2 + 2 * d, 2)
    return split.permute(0, 1, *inside, *outside).reshape(
        n, c * patch**d, *(s // patch for s in size)
    )


def pixels_of(h: Tensor, patch: int) -> Tensor:
    """Maps ``(n, c * patch**2, height, width)`` to ``(n, c, height * patch, width * patch)``.

    It is the inverse of `squares_of`.
    """
    n, c, *size = h.shape
    d = len(size)
    split = h.reshape(n, c // patch**d, *[patch] * d, *size)
    order = [axis for i in range(d) for axis in (2 + d + i, 2 + i)]
    return split.permute(0, 1, *order).reshape(n, c // patch**d, *(s * patch for s in size))
