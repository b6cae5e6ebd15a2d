"""Normal posterior with a low-rank covariance."""

from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions import LowRankNormal
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Network, as_size
from pyrovae.nn.positive import positive
from pyrovae.posteriors.base import Posterior, latent_features_of

__all__ = ["LowRankNormalPosterior"]


class LowRankNormalPosterior(Posterior):
    r"""A normal whose covariance is a diagonal plus a low-rank matrix, from a network.

    .. math:: q(z \mid x) = N(z; \mu(x), W(x) W(x)^\top + \operatorname{diag} \sigma(x)^2)

    The diagonal is large enough to keep the noise of a draw visible in single precision; see
    `LowRankNormal`.

    Rezende, Mohamed and Wierstra, 2014, Stochastic backpropagation and approximate inference in
    deep generative models, https://arxiv.org/abs/1401.4082 (section 4.3, rank one).

    Args:
        network: Maps a datum to ``(2 + rank) * latent_features`` numbers: the means, the scales
            before they are made positive, and the factor :math:`W`, row by row.
        rank: Number of columns of :math:`W`.

    Raises:
        ValueError: If the network's output cannot be split into ``2 + rank`` parts.
    """

    latent_kind = "real"

    def __init__(self, network: Network, *, rank: int = 2) -> None:
        super().__init__()
        as_size(rank, "rank")
        features = latent_features_of(LowRankNormalPosterior, network, rank=rank)
        self.data_shape = network.in_shape
        self.latent_shape = Size([features])
        self.network = network
        self.rank = rank
        self.sizes = [features, features, features * rank]

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        loc, raw_scale, factor = at_least_single(self.network(x)).split(self.sizes, dim=-1)
        factor = factor.unflatten(-1, (-1, self.rank))
        return LowRankNormal(loc, factor, positive(raw_scale).square())

    @classmethod
    def network_shape(cls, latent_features: int, *, rank: int = 2, **options: Any) -> Size:
        """A mean, a scale and a row of the factor for each latent variable."""
        return Size([(2 + rank) * latent_features])
