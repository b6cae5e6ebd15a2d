"""A codebook of signs."""

from math import log2

from torch import Tensor

from pyrovae.codebooks.base import MOST_CODES, Codebook
from pyrovae.distributions import CodeTable, SignTable

__all__ = ["LookupFreeCodebook"]


class LookupFreeCodebook(Codebook):
    r"""Replaces each number of a vector by its sign (lookup-free quantisation).

    .. math:: z_i = \operatorname{sign}(f_i), \qquad k = \sum_i 2^{F - i} \, [f_i > 0]

    A vector of F numbers takes F bits. The codebook itself does not keep the network from using
    only a few codes, nor its outputs close to the codes. `EntropyQuantizedELBO`, which was
    proposed together with it, does both.

    Yu et al., 2023, Language model beats diffusion: tokenizer is key to visual generation,
    https://arxiv.org/abs/2310.05737.

    Args:
        code_features: The length F of a vector, so that there are :math:`2^F` codes.

    Raises:
        ValueError: If ``code_features`` is not between 1 and 18.
    """

    constant_buffers = ("vectors",)

    def __init__(self, code_features: int = 8) -> None:
        super().__init__()
        if not 1 <= code_features <= log2(MOST_CODES):
            raise ValueError(
                f"code_features: expected 1 to {log2(MOST_CODES):.0f}, got {code_features}"
            )
        self.codes, self.code_features = 2**code_features, code_features
        self.vectors: Tensor
        self.register_buffer("vectors", SignTable.all(code_features))

    def forward(self) -> CodeTable:
        """Returns the table of all signs."""
        return SignTable(self.vectors)
