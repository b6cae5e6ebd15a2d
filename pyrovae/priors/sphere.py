"""Uniform prior on the sphere."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions.sphere import SphereUniform
from pyrovae.nn.network import as_size
from pyrovae.priors.base import Prior

__all__ = ["UniformSpherePrior"]


class UniformSpherePrior(Prior):
    r"""The uniform distribution on the unit sphere.

    .. math:: p(z) = \frac{\Gamma(d/2)}{2 \pi^{d/2}}, \quad \lVert z \rVert = 1

    The matching posteriors are those on the sphere, such as `PowerSphericalPosterior`.

    Davidson, Falorsi, De Cao, Kipf and Tomczak, 2018, Hyperspherical variational auto-encoders,
    https://arxiv.org/abs/1804.00891.

    Args:
        latent_features: Dimension :math:`d` of the space that contains the sphere; the sphere
            itself has dimension :math:`d - 1`.

    Raises:
        ValueError: If ``latent_features`` is below 2.
    """

    latent_kind = "sphere"
    constant_buffers = ("origin",)

    def __init__(self, latent_features: int) -> None:
        super().__init__()
        self.latent_shape = as_size(latent_features, "latent_features")
        if latent_features < 2:
            raise ValueError(
                f"latent_features: expected at least 2 for a sphere, got {latent_features}"
            )
        self.origin: Tensor
        self.register_buffer("origin", torch.zeros(latent_features))

    def forward(self) -> Distribution:
        """Returns the uniform distribution, with event shape ``(latent_features,)``."""
        return SphereUniform(self.origin)
