"""Von Mises prior."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions import VonMises
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Shape, as_size
from pyrovae.priors.base import Prior

__all__ = ["VonMisesPrior"]

LARGEST = 1e6


class VonMisesPrior(Prior):
    r"""Independent angles on a torus, uniform or centred at zero.

    .. math:: p(z) = \prod_d \frac{e^{\kappa \cos z_d}}{2 \pi I_0(\kappa)}, \quad -\pi \le z_d < \pi

    The matching posteriors are those over angles, such as `VonMisesPosterior`.

    Davidson et al., 2018, Hyperspherical variational auto-encoders,
    https://arxiv.org/abs/1804.00891 (a circle is the unit sphere in two dimensions).

    Args:
        latent_features: Number of angles; or the shape of a latent, such as a map (channels, height,
            width).
        concentration: The concentration :math:`\kappa`, from 0 (the uniform distribution) to 1e6.

    Raises:
        ValueError: If the concentration is out of range.
    """

    latent_kind = "circle"
    nonnegative_buffers = ("concentrations",)

    def __init__(self, latent_features: Shape, *, concentration: float = 0.0) -> None:
        super().__init__()
        self.latent_shape = as_size(latent_features, "latent_features")
        if not 0 <= concentration <= LARGEST:
            raise ValueError(
                f"concentration: expected a number from 0 to 1e6, got {concentration}"
            )
        self.loc: Tensor
        self.concentrations: Tensor
        self.register_buffer("loc", torch.zeros(self.latent_shape))
        self.register_buffer("concentrations", torch.full(self.latent_shape, float(concentration)))

    def forward(self) -> Distribution:
        """Returns the distribution of the angles, with event shape ``latent_shape``."""
        loc, concentration = at_least_single(self.loc), at_least_single(self.concentrations)
        return VonMises(loc, concentration).to_event(loc.dim())
