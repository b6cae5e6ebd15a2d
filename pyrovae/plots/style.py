"""The common look of all figures: colours, text sizes, axes; none of it is set globally."""

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Petroff's ten colours (2021, arXiv:2107.02270), chosen by an optimisation under simulated
# colour-vision deficiencies and by a survey of preferences. Neighbours also differ in lightness.
COLOURS: Final = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
MARKERS: Final = ("o", "^", "s", "D", "v", "P", "X")

TITLE_SIZE: Final = 11
TEXT_SIZE: Final = 9
DARK: Final = "0.2"
LIGHT: Final = "0.85"
DPI: Final = 150


def number(value: float, style: str) -> str:
    """Formats a number like matplotlib's own tick labels.

    Args:
        value: The number.
        style: A format specification such as ".2f".

    Returns:
        The text, with a true minus sign and no negative zero.
    """
    return format(round(value, 6) + 0.0, style).replace("-", "\N{MINUS SIGN}")


def new_figure(width: float, height: float) -> Figure:
    """Makes an empty figure.

    Args:
        width: Width in inches.
        height: Height in inches.

    Returns:
        The figure, with constrained layout.
    """
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")


def style_axes(axes: Axes, *, title: str) -> None:
    """Gives axes with scales the common look.

    Args:
        axes: The axes to style.
        title: The title, one line.
    """
    axes.set_title(title, loc="left", fontsize=TITLE_SIZE, color=DARK)
    axes.tick_params(labelsize=TEXT_SIZE, color=LIGHT, labelcolor=DARK)
    axes.grid(color=LIGHT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LIGHT)
