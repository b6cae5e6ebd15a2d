"""Many images in one array, so that a figure with hundreds of them is a single artist."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class TileLayout:
    """The positions of the tiles of a grid, in the pixels of the grid.

    Pixel i covers i - 0.5 to i + 0.5, as in ``Axes.imshow``; rows are counted from the top.

    Args:
        rows: Number of tiles from top to bottom.
        columns: Number of tiles from left to right.
        height: Height of one tile, in pixels.
        width: Width of one tile, in pixels.
        gap: Gap between two tiles, in pixels.
    """

    rows: int
    columns: int
    height: int
    width: int
    gap: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the whole grid, in pixels."""
        return (
            self.rows * (self.height + self.gap) - self.gap,
            self.columns * (self.width + self.gap) - self.gap,
        )

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """The top left pixel of a tile: its row and column in the grid's array."""
        return row * (self.height + self.gap), column * (self.width + self.gap)

    def centres(self) -> tuple[list[float], list[float]]:
        """The centres of the rows (y) and of the columns (x)."""
        y = [self.corner(row, 0)[0] + (self.height - 1) / 2 for row in range(self.rows)]
        x = [self.corner(0, column)[1] + (self.width - 1) / 2 for column in range(self.columns)]
        return y, x


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether data of this shape are drawn as images.

    Args:
        shape: Shape of one datum.

    Returns:
        True for ``(height, width)``, ``(1, height, width)`` and ``(3, height, width)``.
    """
    return len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))


def image_layout(shape: tuple[int, ...], *, columns: int) -> TileLayout:
    """The layout of :func:`image_grid` for images of this shape.

    Args:
        shape: The shape of the images, ``(n, height, width)`` or ``(n, channels, height, width)``.
        columns: Number of images from left to right.

    Returns:
        The layout, with as many rows as are needed and gaps of one pixel in 28, at least one
        pixel.
    """
    height, width = shape[-2:]
    return TileLayout(
        rows=math.ceil(shape[0] / columns),
        columns=columns,
        height=height,
        width=width,
        gap=max(1, round(min(height, width) / 28)),
    )


def image_grid(
    images: Tensor, *, columns: int, black: float = 0.0, white: float = 1.0
) -> NDArray[np.float32]:
    """Tiles images into one array, row by row from the top left, separated by thin white lines.

    Args:
        images: The images, ``(n, height, width)``, ``(n, 1, height, width)`` or ``(n, 3, height,
            width)``.
        columns: Number of images from left to right.
        black: The value that is drawn black, like all lower ones.
        white: The value that is drawn white, like all higher ones.

    Returns:
        Values in [0, 1], from black to white, in the form that ``Axes.imshow`` takes:
        ``(grid_height, grid_width)`` for grey images, ``(grid_height, grid_width, 3)`` for colour
        images. Places without an image are white.

    Raises:
        ValueError: If there is no image, the images have another shape, or ``columns`` is not
            positive.
    """
    check_positive("columns", columns)
    if images.ndim not in (3, 4) or not is_image(tuple(images.shape[1:])) or not images.numel():
        raise ValueError(
            "images: expected shape (n, height, width) or (n, 1 or 3, height, width) with n >= 1, "
            f"got {tuple(images.shape)}"
        )
    layout = image_layout(tuple(images.shape), columns=columns)
    if images.ndim == 3:
        images = images[:, None]
    levels = images.detach().cpu().double().sub(black).div(white - black or 1.0)
    pixels = levels.clamp(0, 1).float().movedim(1, -1).numpy()
    grid = np.ones((*layout.shape, pixels.shape[-1]), dtype=np.float32)
    for index, image in enumerate(pixels):
        top, left = layout.corner(*divmod(index, columns))
        grid[top : top + layout.height, left : left + layout.width] = image
    return grid[..., 0] if grid.shape[-1] == 1 else grid


def check_positive(name: str, value: Any, *, at_least: int = 1) -> None:
    """Checks that a count is large enough.

    Args:
        name: Name of the argument, for the message.
        value: The argument.
        at_least: The smallest allowed count.

    Raises:
        ValueError: If ``value`` is not an int, or is smaller.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ValueError(f"{name}: expected an int of at least {at_least}, got {value!r}")
