"""Normal posterior with a full covariance."""

from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions.correlated_normal import MultivariateNormal, conditioned_factor
from pyrovae.distributions.flow import triangular
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Network
from pyrovae.nn.positive import positive
from pyrovae.posteriors.base import Posterior, latent_features_of

__all__ = ["FullNormalPosterior"]


class FullNormalPosterior(Posterior):
    r"""A normal with a full covariance, whose Cholesky factor comes from the network.

    .. math:: q(z \mid x) = N(z; \mu(x), L(x) L(x)^\top + \operatorname{diag} \delta(x)^2), \quad
        L \text{ lower triangular}, \; L_{ii} > 0

    The independent noise :math:`\delta_i^2 = 2^{-32} (\mu_i^2 + \sum_j L_{ij}^2)` bounds the
    condition number of the factor, so that the density of a draw is accurate in single precision;
    see `conditioned_factor`.

    Kingma and Welling, 2019, An introduction to variational autoencoders,
    https://arxiv.org/abs/1906.02691 (section 2.5.1).

    Args:
        network: Maps a datum to ``n + n (n + 1) / 2`` numbers for ``n`` latent variables: the
            means, then the factor row by row, with its diagonal before it is made positive.

    Raises:
        ValueError: If the network's output has no such size.
    """

    latent_kind = "real"

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.features = latent_features_of(FullNormalPosterior, network)
        self.latent_shape = Size([self.features])
        self.data_shape = network.in_shape
        self.network = network

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        numbers = at_least_single(self.network(x))
        loc, entries = numbers[..., : self.features], numbers[..., self.features :]
        factor = triangular(entries, self.features)
        diagonal = positive(factor.diagonal(dim1=-2, dim2=-1))
        factor = factor.tril(-1) + torch.diag_embed(diagonal)
        return MultivariateNormal(loc, scale_tril=conditioned_factor(loc, factor))

    @classmethod
    def network_shape(cls, latent_features: int, **options: Any) -> Size:
        """A mean for each latent variable, and the entries of a triangular matrix."""
        return Size([latent_features + latent_features * (latent_features + 1) // 2])
