"""The base class of codebooks."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from pyrovae.component import Component
from pyrovae.distributions import CodeTable

__all__ = ["MOST_CODES", "Codebook", "VectorCodebook", "first_vectors"]

MOST_CODES = 2**18


class Codebook(Component, ABC):
    """The vectors of a `QuantizedPosterior`: a module that returns them as a table.

    To add a codebook, write a subclass with a `forward` method.

    Attributes:
        codes: Number of codes.
        code_features: Length of a vector.
        stages: Number of codes for each vector of the network's output.
    """

    codes: int
    code_features: int
    stages: int = 1

    @abstractmethod
    def forward(self) -> CodeTable:
        """Returns the table of the current vectors."""

    def begin(self) -> None:
        """Called before the programs of a step read the table."""

    def see(self, vectors: Tensor, numbers: Tensor, event_dim: int) -> None:
        """Called after the codes of a batch are chosen.

        Args:
            vectors: The vectors that the codes approximate, ``(*batch, groups, *grid,
                code_features)``, detached.
            numbers: The chosen codes, ``(*batch, groups, *grid)``.
            event_dim: Number of dimensions of the codes of one datum.
        """


class VectorCodebook(Codebook):
    """A codebook of arbitrary vectors, from which the nearest is chosen.

    Args:
        codes: Number of vectors.
        code_features: Length of each vector.

    Raises:
        ValueError: If there are fewer than 2 codes, or ``code_features`` is below 1.
    """

    def __init__(self, codes: int = 64, code_features: int = 4) -> None:
        super().__init__()
        if codes < 2:
            raise ValueError(f"codes: expected at least 2, got {codes}")
        if code_features < 1:
            raise ValueError(f"code_features: expected at least 1, got {code_features}")
        self.codes = codes
        self.code_features = code_features


def first_vectors(codes: int, code_features: int) -> Tensor:
    """Initial vectors, as small as an untrained network's output: far ones are never chosen."""
    return 0.1 * torch.randn(codes, code_features)
