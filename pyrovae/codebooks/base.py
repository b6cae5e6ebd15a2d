"""What a codebook is."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from pyrovae.component import Component
from pyrovae.distributions import CodeTable

__all__ = ["MOST_CODES", "Codebook", "VectorCodebook", "first_vectors"]

MOST_CODES = 2**18


class Codebook(Component, ABC):
    """The vectors of a `QuantizedPosterior`: a module that returns a table of them.

    A new one is a class with `forward`.

    Attributes:
        codes: How many codes a number chooses from.
        code_features: Length of a vector.
        stages: How many numbers stand for a vector of the network's output.
    """

    codes: int
    code_features: int
    stages: int = 1

    @abstractmethod
    def forward(self) -> CodeTable:
        """Returns the table of the vectors as they are now."""

    def begin(self) -> None:
        """Is told that the programs of a step run, before they read the table."""

    def see(self, vectors: Tensor, numbers: Tensor, event_dim: int) -> None:
        """Is told what a batch took, after it has.

        Args:
            vectors: What the codes are to be near to, ``(*batch, groups, *grid, code_features)``,
                without a gradient.
            numbers: The codes that were taken, ``(*batch, groups, *grid)``.
            event_dim: Number of dimensions of the numbers of one datum.
        """


class VectorCodebook(Codebook):
    """A codebook of any vectors, the nearest of which is taken.

    Args:
        codes: Number of vectors.
        code_features: Length of each.

    Raises:
        ValueError: If there are fewer than 2 codes, or they have no features.
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
    """As small as what an untrained network puts out: codes far from it are never taken."""
    return 0.1 * torch.randn(codes, code_features)
