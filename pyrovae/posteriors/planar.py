"""Planar flow posterior."""

from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions.flow import Flow, Planar
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Network, as_size
from pyrovae.posteriors.base import Posterior, latent_features_of
from pyrovae.posteriors.diagonal import diagonal_normal

__all__ = ["PlanarPosterior"]


class PlanarPosterior(Posterior):
    r"""A diagonal normal pushed through planar transforms.

    .. math:: z_k = z_{k-1} + u_k \tanh(w_k^\top z_{k-1} + b_k), \quad
        z_0 \sim N(\mu(x), \operatorname{diag} \sigma(x)^2)

    The parameters :math:`u_k, w_k, b_k` of each transform come from the network too;
    :math:`u_k` is adjusted so that the transform is invertible. The inverse is not known in closed
    form, so the density is only known for the distribution's own last draw. A VampPrior cannot
    use this posterior, and neither can objectives that evaluate the density elsewhere.

    Rezende and Mohamed, 2015, Variational inference with normalizing flows,
    https://arxiv.org/abs/1505.05770.

    Args:
        network: Maps a datum to ``2 n + transforms * (2 n + 1)`` numbers for ``n`` latent
            variables: the means, the scales before they are made positive, then all ``u``, all
            ``w`` and all ``b``.
        transforms: Number of planar transforms.

    Raises:
        ValueError: If the network's output does not fit.
    """

    latent_kind = "real"
    density_everywhere = False
    mean_known = False

    def __init__(self, network: Network, *, transforms: int = 4) -> None:
        super().__init__()
        as_size(transforms, "transforms")
        n = latent_features_of(PlanarPosterior, network, transforms=transforms)
        self.data_shape = network.in_shape
        self.latent_shape = Size([n])
        self.network = network
        self.sizes = [n, n, transforms * n, transforms * n, transforms]

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        loc, raw_scale, u, w, bias = at_least_single(self.network(x)).split(self.sizes, dim=-1)
        base = diagonal_normal(loc, raw_scale)
        n = self.sizes[0]
        vectors = zip(u.split(n, -1), w.split(n, -1), bias.split(1, -1), strict=True)
        return Flow(base, [Planar(b_k, u_k, w_k) for u_k, w_k, b_k in vectors])

    @classmethod
    def network_shape(cls, latent_features: int, *, transforms: int = 4, **options: Any) -> Size:
        """A mean and a scale for each latent variable, and the transforms' parameters."""
        return Size([2 * latent_features + transforms * (2 * latent_features + 1)])
