"""Normal prior."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from pyrovae.distributions import Normal
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Shape, as_size
from pyrovae.priors.base import Prior

__all__ = ["NormalPrior"]

# Largest absolute value of the logarithm of a scale.
LARGEST = 18.0


class NormalPrior(Prior):
    r"""The standard normal :math:`p(z) = N(0, I)`, or a learned diagonal normal.

    Kingma and Welling, 2014, Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114.

    Args:
        latent_features: Number of latent variables; or the shape of a latent, such as a map
            (channels, height, width).
        learned: Whether the mean and the scale are trained; they start at 0 and 1. Scales are
            clamped to the range from e^-18 = 1.5e-8 to e^18 = 6.6e7.
    """

    latent_kind = "real"

    def __init__(self, latent_features: Shape, *, learned: bool = False) -> None:
        super().__init__()
        self.latent_shape = as_size(latent_features, "latent_features")
        self.loc: Tensor
        self.log_scale: Tensor
        for name in ("loc", "log_scale"):
            value = torch.zeros(self.latent_shape)
            if learned:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)

    def forward(self) -> Distribution:
        """Returns the normal, with event shape ``latent_shape``."""
        return Normal(
            at_least_single(self.loc),
            at_least_single(self.log_scale).clamp(-LARGEST, LARGEST).exp(),
        ).to_event(self.loc.dim())
