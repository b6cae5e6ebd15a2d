"""A codebook of all combinations of a few levels."""

from collections.abc import Sequence
from math import prod

from torch import Tensor

from pyrovae.codebooks.base import MOST_CODES, Codebook
from pyrovae.distributions import CodeTable, LevelTable

__all__ = ["FiniteScalarCodebook"]


class FiniteScalarCodebook(Codebook):
    r"""Rounds each number of a vector to one of a few levels (finite scalar quantisation).

    .. math:: z_i = \operatorname{round}\left(h_i \tanh(f_i + s_i) - o_i\right) / \lfloor L_i / 2
        \rfloor, \qquad h_i = (L_i - 1) / 2

    where :math:`o_i = 1/2` for an even number of levels, else 0, and :math:`s_i` is chosen so that
    :math:`f_i = 0` is the middle of a level. There is nothing to learn and codes are hardly ever
    unused, so any objective can train it, such as `ELBO`. The codes are the
    :math:`\prod_i L_i` combinations of levels, whose probabilities are given by the prior.

    Mentzer, Minnen, Agustsson and Tschannen, 2023, Finite scalar quantization: VQ-VAE made simple,
    https://arxiv.org/abs/2309.15505.

    Args:
        levels: Number of levels :math:`L_i` of each number of a vector.

    Raises:
        ValueError: If there are none, one is below 2, or there are more than 262,144
            combinations.
    """

    constant_buffers = ("vectors",)

    def __init__(self, levels: Sequence[int] = (8, 5, 5, 5)) -> None:
        super().__init__()
        if not levels or min(levels) < 2:
            raise ValueError(f"levels: expected at least 2 for each variable, got {list(levels)}")
        if prod(levels) > MOST_CODES:
            raise ValueError(
                f"levels: expected at most {MOST_CODES:,} combinations, got {prod(levels):,}"
            )
        self.levels = tuple(levels)
        self.codes, self.code_features = prod(levels), len(levels)
        self.vectors: Tensor
        self.register_buffer("vectors", LevelTable.all(levels))

    def forward(self) -> CodeTable:
        """Returns the table of all combinations."""
        return LevelTable(self.vectors, self.levels)
