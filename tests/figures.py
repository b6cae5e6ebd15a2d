"""What a figure shows, as numbers, and a history to draw."""

import numpy as np
import torch
from fake_models import IMAGE
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection


def pixels(figure):
    figure.set_dpi(60)  # few pixels are soon drawn
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def grid_of(figure):
    """The array that the figure's only axes shows."""
    (axes,) = figure.axes
    (shown,) = axes.images
    return np.asarray(shown.get_array())


def tile(grid, row, column, shape=IMAGE):
    """One datum (channels, height, width) of a drawn grid; the gap is one pixel at this size."""
    height, width = shape[-2:]
    top, left = row * (height + 1), column * (width + 1)
    cut = torch.as_tensor(np.array(grid[top : top + height, left : left + width]))
    return cut.movedim(-1, 0) if cut.ndim == 3 else cut[None]


def profiles(figure):
    """The values of each profile, on a scale from 0 (smallest of the figure) to 1."""
    (axes,) = figure.axes
    (lines,) = [c for c in axes.collections if isinstance(c, LineCollection)]
    tops = [path[::2, 1] for path in lines.get_segments()]
    heights = np.array([(top + 0.5) % 83 / 75 for top in tops])
    return (0.9 - heights) / 0.8


def labels_of(ticks):
    return [tick.get_text() for tick in ticks]


HISTORY = [
    {
        "epoch": epoch,
        "loss": 100 + 50 / epoch,
        "validation_elbo": -(103 + 50 / epoch),
        "validation_reconstruction": -(80 + 50 / epoch),
        "validation_kl": 23.0,
        "learning_rate": 1e-3,
        "beta": 1.0,
        "seconds": 1.2,
    }
    for epoch in range(1, 31)
]
