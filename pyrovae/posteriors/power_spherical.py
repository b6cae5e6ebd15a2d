"""Power spherical posterior."""

from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution
from torch.nn.functional import normalize

from pyrovae.distributions.special import at_least_single
from pyrovae.distributions.sphere import PowerSpherical
from pyrovae.nn.network import Network
from pyrovae.nn.positive import positive
from pyrovae.posteriors.base import Posterior, latent_features_of

__all__ = ["PowerSphericalPosterior"]

# Largest concentration at which draws in single precision can be told apart.
LARGEST = 1e8


class PowerSphericalPosterior(Posterior):
    r"""A power spherical distribution on the unit sphere, from a network.

    .. math:: q(z \mid x) \propto (1 + \mu(x)^\top z)^{\kappa(x)}, \quad \lVert z \rVert = 1

    It is close to a von Mises-Fisher distribution, but draws need no rejection sampling. The
    matching prior is a `UniformSpherePrior` (the KL divergence is then known in closed form) or a
    `VampPrior`. The number of latent features is the dimension of the space that contains the
    sphere, one more than that of the sphere itself. The concentration is at most 1e8. Encoding
    returns the mean direction :math:`\mu(x)`, because the mean does not lie on the sphere.

    De Cao and Aziz, 2020, The power spherical distribution, https://arxiv.org/abs/2006.04437;
    Davidson et al., 2018, Hyperspherical variational auto-encoders,
    https://arxiv.org/abs/1804.00891.

    Args:
        network: Maps a datum to ``latent_features + 1`` numbers: the mean direction before it is
            normalised, and the concentration before it is made positive.

    Raises:
        ValueError: If there are fewer than 2 latent features.
    """

    latent_kind = "sphere"

    def __init__(self, network: Network) -> None:
        super().__init__()
        features = latent_features_of(PowerSphericalPosterior, network)
        if features < 2:
            raise ValueError(f"latent_features: expected at least 2 for a sphere, got {features}")
        self.data_shape = network.in_shape
        self.latent_shape = Size([features])
        self.network = network

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        numbers = at_least_single(self.network(x))
        loc, raw = numbers[..., :-1], numbers[..., -1]
        return PowerSpherical(_direction(loc), positive(raw).clamp(max=LARGEST))

    @classmethod
    def network_shape(cls, latent_features: int, **options: Any) -> Size:
        """A direction and a concentration."""
        return Size([latent_features + 1])


def _direction(vectors: Tensor) -> Tensor:
    """Scales vectors of any length to length one; zero becomes the first axis."""
    size = vectors.detach().abs().amax(-1, keepdim=True)
    # Without this, the squares of very small or large components would under- or overflow.
    unit = torch.where((size > 1e-10) & (size < 1e15), 1.0, size.clamp(min=1e-30))
    first = torch.zeros_like(vectors)
    first[..., 0] = 1
    return normalize(torch.where(size > 1e-30, vectors / unit, first), dim=-1)
