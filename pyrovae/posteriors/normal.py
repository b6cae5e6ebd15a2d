"""Diagonal normal posterior."""

from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.nn.network import Network, features_per
from pyrovae.posteriors.base import Posterior
from pyrovae.posteriors.diagonal import diagonal_normal

__all__ = ["NormalPosterior"]


class NormalPosterior(Posterior):
    r"""A diagonal normal with mean and scale from a network.

    .. math:: q(z \mid x) = N(z; \mu(x), \operatorname{diag} \sigma(x)^2)

    A scale is at least 1e-6, and 1.5e-5 of its mean's absolute value: with less, a draw in single
    precision would not show its noise, and its density would be wrong.

    Kingma and Welling, 2014, Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114.

    Args:
        network: From a datum to ``2 * latent_features`` numbers: the means, then the scales
            before they are made positive.

    Raises:
        ValueError: If the network's output cannot be split in two.
    """

    latent_kind = "real"

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.latent_shape = Size([features_per(network, 2)])
        self.data_shape = network.in_shape
        self.network = network

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        loc, raw_scale = self.network(x).chunk(2, dim=-1)
        return diagonal_normal(loc, raw_scale)

    @classmethod
    def network_shape(cls, latent_features: int, **options: Any) -> Size:
        """A mean and a scale for each latent variable."""
        return Size([2 * latent_features])
