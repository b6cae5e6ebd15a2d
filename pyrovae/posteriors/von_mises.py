"""Von Mises posterior."""

from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions import VonMises
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Network, Shape, latents_per, stacked
from pyrovae.nn.positive import positive
from pyrovae.posteriors.base import Posterior

__all__ = ["VonMisesPosterior"]

# Largest concentration at which draws in single precision can be told apart.
LARGEST = 1e6


class VonMisesPosterior(Posterior):
    r"""Independent angles: a point on a torus, the product of circles.

    .. math:: q(z \mid x) = \prod_d \frac{e^{\kappa_d(x) \cos(z_d - \mu_d(x))}}
        {2 \pi I_0(\kappa_d(x))}, \quad -\pi \le z_d < \pi

    The matching prior is a `VonMisesPrior` (the KL divergence is then known in closed form) or a
    `VampPrior`. Encoding returns the mean directions. Angles jump by a full turn at half a turn;
    `CosineSine` hides this seam from a decoder: ``Chain([CosineSine(d), MLP(2 * d, ...)])``.

    Davidson et al., 2018, Hyperspherical variational auto-encoders,
    https://arxiv.org/abs/1804.00891 (a circle is the unit sphere in two dimensions); Figurnov,
    Mohamed and Mnih, 2018, Implicit reparameterization gradients,
    https://arxiv.org/abs/1805.08498.

    Args:
        network: Maps a datum to ``3 * latent_features`` numbers: the cosines and sines of the
            mean directions, up to a common positive factor for each pair, and the concentrations
            before they are made positive, at most 1e6. For latents that are maps ``(C, H, W)`` its
            output is ``(3 * C, H, W)``, and the first C channels are the cosines.

    Raises:
        ValueError: If the network's output cannot be split in three along its first dimension.
    """

    latent_kind = "circle"
    takes_maps = True

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.latent_shape = latents_per(network, 3)
        self.data_shape = network.in_shape
        self.network = network

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        events = len(self.network.out_shape)
        cosine, sine, raw = at_least_single(self.network(x)).chunk(3, dim=-events)
        # A zero vector has no direction and becomes the first axis; squares must not overflow.
        size = torch.maximum(cosine.detach().abs(), sine.detach().abs())
        none, unit = size < 1e-30, size.clamp(min=1e-30)
        loc = torch.atan2(
            torch.where(none, 0.0, sine / unit), torch.where(none, 1.0, cosine / unit)
        )
        return VonMises(loc, positive(raw).clamp(max=LARGEST)).to_event(events)

    @classmethod
    def network_shape(cls, latent_features: Shape, **options: Any) -> Size:
        """A cosine, a sine and a concentration for each angle, along the first dimension."""
        return stacked(latent_features, 3)
