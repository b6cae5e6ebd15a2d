"""Which values of images are drawn black and which white."""

from typing import NamedTuple

from torch import Tensor

from pyrovae.plots.style import number

__all__ = ["Levels", "levels_of", "smallest_and_largest"]

# The usual ranges of images. Means of a likelihood may go slightly beyond them.
USUAL = ((0.0, 1.0), (-1.0, 1.0))
BEYOND = 0.25  # of a range's length, on either side


class Levels(NamedTuple):
    """The values that are drawn black and white; values beyond them are clipped.

    Attributes:
        black: The lower value.
        white: The upper value.
        note: What a reader has to know; None for images with values in [0, 1].
    """

    black: float
    white: float
    note: str | None


def levels_of(data: Tensor) -> Levels:
    """Chooses levels for images.

    The levels are [0, 1] or [-1, 1] if no value is further outside than a quarter of the range's
    length, and otherwise the smallest and the largest value.

    Args:
        data: Images, of any shape.
    """
    low, high = smallest_and_largest(data)
    if 0 <= low and high <= 1:
        return Levels(0.0, 1.0, None)
    for black, white in USUAL:
        margin = BEYOND * (white - black)
        if black - margin <= low and high <= white + margin:
            break
    else:
        black, white = low, high
    given = f"values from {number(low, '.3g')} to {number(high, '.3g')}"
    shown = f"black is {number(black, '.3g')}, white is {number(white, '.3g')}"
    return Levels(black, white, f"{given}; {shown}")


def smallest_and_largest(data: Tensor) -> tuple[float, float]:
    """The smallest and largest finite value; zeros if there is none."""
    finite = data[data.isfinite()]
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
