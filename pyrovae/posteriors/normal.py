"""Diagonal normal posterior."""

from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.nn.network import Network, Shape, latents_per, stacked
from pyrovae.posteriors.base import Posterior
from pyrovae.posteriors.diagonal import diagonal_normal

__all__ = ["NormalPosterior"]


class NormalPosterior(Posterior):
    r"""A diagonal normal whose mean and scale come from a network.

    .. math:: q(z \mid x) = N(z; \mu(x), \operatorname{diag} \sigma(x)^2)

    A scale is at least 1e-6, and at least 1.5e-5 times the absolute value of its mean: with a
    smaller one, the noise of a draw would vanish in single precision and its density be wrong.

    Kingma and Welling, 2014, Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114.

    Args:
        network: Maps a datum to ``2 * latent_features`` numbers: the means, then the scales
            before they are made positive. For latents that are maps ``(C, H, W)`` its output is
            ``(2 * C, H, W)``, and the first C channels are the means.

    Raises:
        ValueError: If the network's output cannot be split in two along its first dimension.
    """

    latent_kind = "real"
    takes_maps = True

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.latent_shape = latents_per(network, 2)
        self.data_shape = network.in_shape
        self.network = network

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        events = len(self.network.out_shape)
        loc, raw_scale = self.network(x).chunk(2, dim=-events)
        return diagonal_normal(loc, raw_scale, event_dim=events)

    @classmethod
    def network_shape(cls, latent_features: Shape, **options: Any) -> Size:
        """A mean and a scale for each latent variable, along the first dimension."""
        return stacked(latent_features, 2)
