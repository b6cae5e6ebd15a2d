"""A sequence of codebooks."""

from collections.abc import Sequence

from torch import Tensor, nn

from pyrovae.codebooks.base import Codebook, VectorCodebook
from pyrovae.distributions import CodeTable, ResidualTables

__all__ = ["ResidualCodebook"]


class ResidualCodebook(Codebook):
    r"""A sequence of codebooks, each of which quantises the residual of those before it.

    .. math:: r_1 = f, \qquad k_s = \arg\min_j \lVert r_s - e^s_j \rVert, \qquad
        r_{s+1} = r_s - e^s_{k_s}

    With S stages of K codes, a vector takes :math:`S \log_2 K` bits and is approximated by
    :math:`\sum_s e^s_{k_s}`. The latent contains the codes of each stage, one stage after the
    other, and not their sum: the sum alone does not determine the codes, so the prior could not
    give it a probability. A decoder whose first layer reads all of them can add them up;
    `SumOfStages` does so in front of any network. If the later stages of a latent are 0, it is the
    coarser approximation.

    Zeghidour et al., 2021, SoundStream: an end-to-end neural audio codec,
    https://arxiv.org/abs/2107.03312.

    Args:
        codebooks: The codebook of each stage, all with the same numbers of codes and features.

    Raises:
        ValueError: If there are none, one is given twice, or they differ in size.
    """

    def __init__(self, codebooks: Sequence[VectorCodebook]) -> None:
        super().__init__()
        sizes = [(book.codes, book.code_features) for book in codebooks]
        if not sizes:
            raise ValueError("codebooks: expected at least one, got none")
        if len(set(sizes)) > 1:
            raise ValueError(
                f"codebooks: expected the same number of codes and features in each, got {sizes}"
            )
        if len({id(book) for book in codebooks}) < len(sizes):
            raise ValueError(
                "codebooks: expected a different one for each stage, got the same one twice"
            )
        self.codes, self.code_features = sizes[0]
        self.stages = len(sizes)
        self.codebooks = nn.ModuleList(codebooks)

    @property
    def _parts(self) -> list[VectorCodebook]:
        return list(self.codebooks)  # type: ignore[arg-type]

    def forward(self) -> CodeTable:
        """Returns the tables of the stages' current vectors."""
        return ResidualTables([book() for book in self._parts])

    def begin(self) -> None:
        """Calls `begin` of each stage."""
        for book in self._parts:
            book.begin()

    def see(self, vectors: Tensor, numbers: Tensor, event_dim: int) -> None:
        """Calls `see` of each stage with its part of the batch."""
        stages = zip(
            self._parts,
            vectors.chunk(self.stages, dim=-event_dim - 1),
            numbers.chunk(self.stages, dim=-event_dim),
            strict=True,
        )
        for book, of_vectors, of_numbers in stages:
            book.see(of_vectors, of_numbers, event_dim)
