"""Vector-quantised posterior."""

from typing import Any

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution

from pyrovae.distributions.codes import NearestCode
from pyrovae.nn.network import Network, Shape, as_size
from pyrovae.posteriors.base import Posterior

__all__ = ["VectorQuantizedPosterior"]


class VectorQuantizedPosterior(Posterior):
    r"""The nearest vectors of a learned codebook to a network's output (VQ-VAE).

    .. math:: q(z = e_k \mid x) = 1 \text{ for } k = \arg\min_j \lVert f(x) - e_j \rVert

    The latent is as many vectors as the network's output has: ``(C, *grid)`` is ``C /
    code_features`` vectors at each point of the grid, a vector of length C is so many one after
    another. The decoder's gradient passes straight through to :math:`f(x)`; codebook and network
    are drawn together by `VectorQuantizedELBO`, without which the codebook does not learn. The
    prior is a `CategoricalCodePrior` or an `AutoregressiveCodePrior`, made with this posterior.

    The codes are discrete and known given x, so that :math:`\log p(x \mid z) + \log p(z)` is a
    bound of :math:`\log p(x)`, and further draws do not tighten it.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937.

    Args:
        network: From a datum to the vectors, ``(groups * code_features, *grid)``.
        codes: Number of vectors in the codebook.
        code_features: Length of each.

    Attributes:
        codebook: The vectors, ``(codes, code_features)``.
        code_shape: Shape of one datum's numbers of codes, ``(groups, *grid)``.

    Raises:
        ValueError: If there are fewer than 2 codes, or the first dimension of the network's
            output does not divide by their length.
    """

    latent_kind = "code"
    density_everywhere = False
    takes_maps = True

    def __init__(self, network: Network, *, codes: int = 64, code_features: int = 4) -> None:
        super().__init__()
        if codes < 2:
            raise ValueError(f"codes: expected at least 2, got {codes}")
        first, *grid = network.out_shape
        if code_features < 1 or first % code_features:
            raise ValueError(
                f"network: expected an out_shape whose first dimension is a number for each "
                f"latent variable and divides by code_features, {code_features}, "
                f"got {tuple(network.out_shape)}"
            )
        self.data_shape = network.in_shape
        self.latent_shape = network.out_shape
        self.code_shape = Size([first // code_features, *grid])
        self.network = network
        # As small as what an untrained network puts out: codes far from it are never taken.
        self.codebook = nn.Parameter(0.1 * torch.randn(codes, code_features))

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        return NearestCode(self.network(x), self.codebook, 1 + len(self.code_shape[1:]))

    @classmethod
    def network_shape(cls, latent_features: Shape, **options: Any) -> Size:
        """A number for each latent variable."""
        return as_size(latent_features, "latent_features")
