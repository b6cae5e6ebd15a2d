"""Data in the form that a model reads."""

from pyrovae.datasets import Source, Split, as_split
from pyrovae.handlers import tensors_taken
from pyrovae.programs import Program, takes_counts

__all__ = ["read_for"]


def read_for(model: Program, data: Source) -> Split:
    """Returns data as a split with as many tensors as a model takes, as counts if it takes counts.

    Raises:
        ValueError: As for `as_split`.
    """
    return as_split(data, fields=tensors_taken(model.model), counts=takes_counts(model))
