"""Data above their reconstructions."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from pyrovae.latent_space.codes import one_site
from pyrovae.plots.data import check_beside, read_data
from pyrovae.plots.grid import check_positive
from pyrovae.plots.latents import PlottableModel
from pyrovae.plots.tiles import draw_tiles


def reconstructions(model: PlottableModel, x: Tensor, *, columns: int = 10) -> Figure:
    """Originals in the upper row, each above its reconstruction.

    Args:
        model: The model whose ``reconstruct`` is shown.
        x: The data, ``(n, *data_shape)``; the first ``columns`` of them are used.
        columns: Number of pairs.

    Returns:
        A figure with two rows.

    Raises:
        ValueError: If ``x`` is not a batch, ``columns`` is not positive, the model has several
            data sites, or its reconstructions have another shape.
    """
    check_positive("columns", columns)
    x = read_data("x", x)
    originals = x[:columns]
    made = one_site(model.reconstruct(originals)).detach().cpu()
    check_beside(originals, made)
    rows = [originals.cpu(), made]
    return draw_tiles(
        torch.cat(rows),
        columns=len(originals),
        title="Reconstructions",
        row_labels=["original", "reconstruction"],
    )
