"""Numbers that describe a latent space: its arithmetic, its paths, and how it fits the prior.

The functions accept any model that encodes and decodes (`aggregated_posterior` and
`probability_integral` accept any model with ``model`` and ``guide``). `pyrovae.plots` draws the
results.
"""

from pyrovae.latent_space.aggregate import (
    aggregated_posterior,
    distance_from_uniform,
    probability_integral,
)
from pyrovae.latent_space.arithmetic import attribute_vector
from pyrovae.latent_space.completeness import Completeness, Recognizer, completeness
from pyrovae.latent_space.continuity import Continuity, continuity
from pyrovae.latent_space.neighbours import Neighbours, nearest_neighbours
from pyrovae.latent_space.paths import circular, hyperbolic, spherical, straight

__all__ = [
    "Completeness",
    "Continuity",
    "Neighbours",
    "Recognizer",
    "aggregated_posterior",
    "attribute_vector",
    "circular",
    "completeness",
    "continuity",
    "distance_from_uniform",
    "hyperbolic",
    "nearest_neighbours",
    "probability_integral",
    "spherical",
    "straight",
]
