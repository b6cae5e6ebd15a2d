"""Samples from a model."""

from matplotlib.figure import Figure

from pyrovae.latent_space.codes import one_site
from pyrovae.plots.grid import check_positive
from pyrovae.plots.latents import PlottableModel
from pyrovae.plots.tiles import draw_tiles


def samples(model: PlottableModel, *, n: int = 64, columns: int = 8) -> Figure:
    """Samples from a model's own prior: the likelihood's means.

    Args:
        model: The model whose ``sample`` is shown; it draws from torch's global random state.
        n: Number of samples.
        columns: Number of samples from left to right.

    Returns:
        A figure with one table of samples.

    Raises:
        ValueError: If ``n`` or ``columns`` is not positive, or the model has several data sites.
    """
    check_positive("n", n)
    check_positive("columns", columns)
    data = one_site(model.sample(n))
    title = "1 sample from the prior" if n == 1 else f"{n} samples from the prior"
    return draw_tiles(data, columns=min(n, columns), title=title)
