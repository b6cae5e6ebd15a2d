"""Vector-quantised posterior."""

from pyrovae.codebooks import LearnedCodebook
from pyrovae.nn.network import Network
from pyrovae.posteriors.quantized import QuantizedPosterior

__all__ = ["VectorQuantizedPosterior"]


class VectorQuantizedPosterior(QuantizedPosterior):
    r"""The nearest vectors of a learned codebook to a network's output (VQ-VAE).

    .. math:: q(z = e_k \mid x) = 1 \text{ for } k = \arg\min_j \lVert f(x) - e_j \rVert

    A `QuantizedPosterior` with a `LearnedCodebook`. Codebook and network are drawn together by
    `VectorQuantizedELBO`, without which the codebook does not learn.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937.

    Args:
        network: From a datum to the vectors, ``(groups * code_features, *grid)``.
        codes: Number of vectors in the codebook.
        code_features: Length of each.

    Attributes:
        codebook: The codebook; ``codebook.vectors`` are the vectors, ``(codes, code_features)``.
        code_shape: Shape of one datum's numbers of codes, ``(groups, *grid)``.

    Raises:
        ValueError: If there are fewer than 2 codes, or the first dimension of the network's
            output does not divide by their length.
    """

    def __init__(self, network: Network, *, codes: int = 64, code_features: int = 4) -> None:
        super().__init__(network, LearnedCodebook(codes, code_features))
