"""Points in a plane, coloured by label."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from torch import Tensor

from pyrovae.plots.style import COLOURS, DARK, MARKERS, TEXT_SIZE

Points = NDArray[np.float64]


def check_labels(labels: Tensor | None, n: int) -> NDArray[np.int64]:
    """Checks the labels of n points.

    Args:
        labels: Integers ``(n,)``, or None, in which case all labels are 0.
        n: Number of points.

    Returns:
        The labels, ``(n,)``.

    Raises:
        ValueError: If their shape is different, or they are not integers.
    """
    if labels is None:
        return np.zeros(n, dtype=np.int64)
    groups = torch.as_tensor(labels).detach().cpu()
    if tuple(groups.shape) != (n,):
        raise ValueError(f"labels: expected shape ({n},), got {tuple(groups.shape)}")
    if not torch.equal(groups, groups.long().to(groups.dtype)):
        raise ValueError(f"labels: expected whole numbers, got {groups.dtype} with fractions")
    return groups.long().numpy()


def label_texts(groups: NDArray[np.int64], label_names: Sequence[str] | None) -> dict[int, str]:
    """The names of the labels that occur, in order.

    Args:
        groups: The labels of the points.
        label_names: The names of labels 0, 1, ...; the numbers if left out.

    Returns:
        The names by label.

    Raises:
        ValueError: If a label has no name.
    """
    present = np.unique(groups).tolist()
    if label_names is None:
        return {group: str(group) for group in present}
    if present[0] < 0 or present[-1] >= len(label_names):
        raise ValueError(
            f"label_names: expected a name for each of the labels {present[0]} to {present[-1]}, "
            f"got {len(label_names)} names, of the labels from 0 on"
        )
    return {group: str(label_names[group]) for group in present}


def _marker(index: int) -> str:
    """The marker of a label: labels beyond the ten colours reuse these with another marker."""
    return MARKERS[index // len(COLOURS) % len(MARKERS)]


def draw_points(
    axes: Axes, points: Points, groups: NDArray[np.int64], random: np.random.Generator
) -> None:
    """Draws points, with a separate colour and marker for each label.

    Args:
        axes: The axes to draw on.
        points: The points, ``(n, 2)``.
        groups: Their labels, ``(n,)``.
        random: Generator for the order in which they are drawn.
    """
    present = np.unique(groups)
    # Drawn in random order, since label by label the last one would cover the others.
    order = random.permutation(len(points))
    index = np.searchsorted(present, groups)[order]
    points = points[order]
    colours = np.array(COLOURS)[index % len(COLOURS)]
    size = float(np.clip(16000 / len(points), 6, 25))
    for turn in range(0, len(present), len(COLOURS)):
        chosen = (index >= turn) & (index < turn + len(COLOURS))
        axes.scatter(
            points[chosen, 0],
            points[chosen, 1],
            s=size,
            c=list(colours[chosen]),
            marker=_marker(turn),
            alpha=0.8,
            linewidths=0,
            rasterized=True,  # thousands of points would make an SVG or PDF large
        )


def legend(figure: Figure, names: dict[int, str], extra: Sequence[Line2D] = ()) -> None:
    """Adds a legend of the labels beside a figure.

    Args:
        figure: The figure.
        names: The names by label, as returned by `label_texts`.
        extra: Further entries.
    """
    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=_marker(index),
            markersize=5,
            color=COLOURS[index % len(COLOURS)],
            label=name,
        )
        for index, name in enumerate(names.values())
    ]
    figure.legend(
        handles=[*handles, *extra],
        loc="outside right upper",
        fontsize=TEXT_SIZE,
        labelcolor=DARK,
        frameon=False,
        ncols=-(-len(names) // 16),
        handletextpad=0.2,
    )
