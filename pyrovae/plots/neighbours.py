"""Samples beside the data that are nearest to them."""

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from pyrovae.latent_space.codes import one_site
from pyrovae.latent_space.neighbours import nearest_neighbours
from pyrovae.plots.grid import check_positive
from pyrovae.plots.latents import PlottableModel
from pyrovae.plots.style import DARK, TEXT_SIZE, number
from pyrovae.plots.tiles import draw_tiles

MEASURED = 200  # number of samples for the median distance


def neighbours(
    model: PlottableModel,
    data: Any,
    *,
    n: int = 6,
    k: int = 6,
    held_out: Tensor | None = None,
) -> Figure:
    """Samples, in a coloured frame, and the training data nearest to each: are they copies?

    The number in the corner of each datum is its Euclidean distance from the sample. If data are
    given that the model was not trained on, a line below the figure compares the distances of
    samples and of these data to the training data. Samples that are much nearer are copies.
    (Samples are means, smoother than data, and a little nearer for that reason alone.)

    Args:
        model: The model whose ``sample`` is shown; it draws from torch's global random state.
        data: The training data: ``(N, *data_shape)``, a split such as ``data.train``, or anything
            else that `pyrovae.datasets.as_split` reads. All of them are compared.
        n: Number of samples.
        k: Number of data beside each sample.
        held_out: Data that the model was not trained on, ``(m, *data_shape)``.

    Returns:
        A figure with n rows of ``1 + k`` data.

    Raises:
        ValueError: If ``n`` or ``k`` is not positive, or there are fewer than ``k`` data.
    """
    check_positive("n", n)
    check_positive("k", k)
    samples = one_site(model.sample(n if held_out is None else max(n, MEASURED))).detach().cpu()
    found = nearest_neighbours(samples[:n], data, k=k)
    texts = [["", *(number(d, ".2f") for d in row)] for row in found.distances.tolist()]
    figure = draw_tiles(
        torch.cat([samples[:n].unsqueeze(1).to(found.data), found.data], dim=1).flatten(0, 1),
        columns=1 + k,
        title="Samples and the training data nearest to them",
        column_labels=["sample", "nearest", *map(str, range(2, k + 1))],
        marked_columns=[0],
        tile_labels=[text for row in texts for text in row],
    )
    if held_out is not None:
        (axes,) = figure.axes
        medians = [
            number(float(nearest_neighbours(x, data).distances.median()), ".2f")
            for x in (samples, held_out)
        ]
        note = (
            f"median distance from the nearest: {medians[0]} of {len(samples)} samples, "
            f"{medians[1]} of {len(held_out)} held-out data"
        )
        before = axes.get_xlabel()
        axes.set_xlabel(
            f"{before}\n{note}".lstrip(), fontsize=TEXT_SIZE - 1, color=DARK, loc="left"
        )
        width, height = figure.get_size_inches()
        figure.set_size_inches(max(width, 5.2), height + 0.36)
    return figure
