"""Figures of training, data and latent spaces: every function returns a matplotlib ``Figure``.

Nothing is saved or shown, and matplotlib's global state (backend, ``rcParams``, pyplot) is not
touched. Save a figure with ``figure.savefig("samples.png")``; a notebook shows the figure that a
cell returns.

The functions accept any model with the interface of
:class:`~pyrovae.plots.latents.PlottableModel`. Data of shape ``(height, width)``, ``(1, height,
width)`` or ``(3, height, width)`` are drawn as images, with grey levels or colours from 0 to 1 or
in a range of their own, which is then given below the figure. All other data are drawn as
profiles, with the features from left to right.
"""

from pyrovae.plots.aggregate import aggregated_posterior, probability_integral
from pyrovae.plots.attribute import attribute
from pyrovae.plots.codes import latent_codes
from pyrovae.plots.columns import table_columns
from pyrovae.plots.compare import compare_latent_spaces
from pyrovae.plots.grid import image_grid
from pyrovae.plots.interpolation import interpolation
from pyrovae.plots.manifold import manifold
from pyrovae.plots.neighbours import neighbours
from pyrovae.plots.reconstructions import reconstructions
from pyrovae.plots.samples import samples
from pyrovae.plots.scatter import latent_scatter
from pyrovae.plots.training import training_curves
from pyrovae.plots.traversal import traversal

__all__ = [
    "aggregated_posterior",
    "attribute",
    "compare_latent_spaces",
    "image_grid",
    "interpolation",
    "latent_codes",
    "latent_scatter",
    "manifold",
    "neighbours",
    "probability_integral",
    "reconstructions",
    "samples",
    "table_columns",
    "training_curves",
    "traversal",
]
