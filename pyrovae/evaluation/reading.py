"""Data as a model reads them."""

from pyrovae.datasets import Source, Split, as_split
from pyrovae.handlers import tensors_taken
from pyrovae.programs import Program, takes_counts

__all__ = ["read_for"]


def read_for(model: Program, data: Source) -> Split:
    """Data as a split with as many tensors as a model takes, and counts where it takes these.

    Raises:
        ValueError: As `as_split` does.
    """
    return as_split(data, fields=tensors_taken(model.model), counts=takes_counts(model))
