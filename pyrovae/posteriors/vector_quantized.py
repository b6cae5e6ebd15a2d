"""Vector-quantised posterior."""

from pyrovae.codebooks import LearnedCodebook
from pyrovae.nn.network import Network
from pyrovae.posteriors.quantized import QuantizedPosterior

__all__ = ["VectorQuantizedPosterior"]


class VectorQuantizedPosterior(QuantizedPosterior):
    r"""The vectors of a learned codebook nearest to a network's output (VQ-VAE).

    .. math:: q(z = e_k \mid x) = 1 \text{ for } k = \arg\min_j \lVert f(x) - e_j \rVert

    This is a `QuantizedPosterior` with a `LearnedCodebook`. `VectorQuantizedELBO` draws codebook
    and network output together; with other objectives the codebook does not learn.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937.

    Args:
        network: Maps a datum to the vectors, ``(groups * code_features, *grid)``.
        codes: Number of vectors in the codebook.
        code_features: Length of each vector.

    Attributes:
        codebook: The codebook; ``codebook.vectors`` are the vectors, ``(codes, code_features)``.
        code_shape: Shape of the code indices of one datum, ``(groups, *grid)``.

    Raises:
        ValueError: If there are fewer than 2 codes, or the first dimension of the network's
            output is not divisible by their length.
    """

    def __init__(self, network: Network, *, codes: int = 64, code_features: int = 4) -> None:
        super().__init__(network, LearnedCodebook(codes, code_features))
