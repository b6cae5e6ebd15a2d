"""A codebook that is trained by gradients."""

from torch import nn

from pyrovae.codebooks.base import VectorCodebook, first_vectors
from pyrovae.distributions import CodeTable

__all__ = ["LearnedCodebook"]


class LearnedCodebook(VectorCodebook):
    r"""Learned vectors that an objective pulls to the network's output (VQ-VAE).

    .. math:: f \mapsto e_k, \quad k = \arg\min_j \lVert f - e_j \rVert

    The vectors :math:`e_j` are parameters. `VectorQuantizedELBO` trains them; other objectives do not.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937.

    Args:
        codes: Number of vectors.
        code_features: Length of each vector.

    Attributes:
        vectors: The vectors, ``(codes, code_features)``.

    Raises:
        ValueError: If there are fewer than 2 codes, or ``code_features`` is below 1.
    """

    def __init__(self, codes: int = 64, code_features: int = 4) -> None:
        super().__init__(codes, code_features)
        self.vectors = nn.Parameter(first_vectors(codes, code_features))

    def forward(self) -> CodeTable:
        """Returns the table of the current vectors."""
        return CodeTable(self.vectors)
