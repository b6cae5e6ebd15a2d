"""Codebooks: the vectors that the latents of a `QuantizedPosterior` consist of."""

from pyrovae.codebooks.base import Codebook, VectorCodebook
from pyrovae.codebooks.finite_scalar import FiniteScalarCodebook
from pyrovae.codebooks.learned import LearnedCodebook
from pyrovae.codebooks.lookup_free import LookupFreeCodebook
from pyrovae.codebooks.moving_average import MovingAverageCodebook
from pyrovae.codebooks.residual import ResidualCodebook

__all__ = [
    "Codebook",
    "FiniteScalarCodebook",
    "LearnedCodebook",
    "LookupFreeCodebook",
    "MovingAverageCodebook",
    "ResidualCodebook",
    "VectorCodebook",
]
