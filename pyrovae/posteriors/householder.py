"""Householder flow posterior."""

from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions import Normal
from pyrovae.distributions.flow import Flow, Reflections
from pyrovae.distributions.normal import resolvable
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Network, as_size
from pyrovae.nn.positive import positive
from pyrovae.posteriors.base import Posterior, latent_features_of

__all__ = ["HouseholderPosterior"]


class HouseholderPosterior(Posterior):
    r"""A diagonal normal rotated by Householder reflections: a normal with a full covariance.

    .. math:: z = H_K \cdots H_1 z_0, \quad H_k = I - 2 \frac{v_k v_k^\top}{\lVert v_k \rVert^2},
        \quad z_0 \sim N(\mu(x), \operatorname{diag} \sigma(x)^2)

    The vectors :math:`v_k(x)` come from the network too. The reflections preserve volume, so mean
    and density are known in closed form. Each scale is at least 1.5e-5 times the largest mean or
    scale of its datum, because the reflections mix the variables in single precision.

    Tomczak and Welling, 2016, Improving variational auto-encoders using Householder flow,
    https://arxiv.org/abs/1611.09630.

    Args:
        network: Maps a datum to ``(2 + reflections) * latent_features`` numbers: the means, the
            scales before they are made positive, and the vectors, one after the other.
        reflections: Number :math:`K` of reflections.

    Raises:
        ValueError: If the network's output does not fit.
    """

    latent_kind = "real"

    def __init__(self, network: Network, *, reflections: int = 4) -> None:
        super().__init__()
        as_size(reflections, "reflections")
        features = latent_features_of(HouseholderPosterior, network, reflections=reflections)
        self.data_shape = network.in_shape
        self.latent_shape = Size([features])
        self.network = network
        self.sizes = [features, features, reflections * features]

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        loc, raw_scale, vectors = at_least_single(self.network(x)).split(self.sizes, dim=-1)
        scale = positive(raw_scale)
        # The reflections mix the variables: the noise of each has to show beside the largest one.
        reach = (loc.abs() + scale).amax(-1, keepdim=True)
        base = Normal(loc, resolvable(scale, reach)).to_event(1)
        return Flow(base, [Reflections(vectors.unflatten(-1, (-1, self.sizes[0])))])

    @classmethod
    def network_shape(cls, latent_features: int, *, reflections: int = 4, **options: Any) -> Size:
        """A mean and a scale for each latent variable, and the vectors."""
        return Size([(2 + reflections) * latent_features])
