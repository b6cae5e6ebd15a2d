"""Mixture-of-Gaussians prior."""

import pyro.distributions as dist
import torch
from torch import nn
from torch.distributions import Distribution

from pyrovae.distributions import Mixture, Normal
from pyrovae.distributions.special import at_least_single, normalized
from pyrovae.nn.network import Shape, as_size
from pyrovae.nn.positive import positive
from pyrovae.priors.base import Prior

__all__ = ["MixturePrior"]


class MixturePrior(Prior):
    r"""A learned mixture of diagonal normals.

    .. math:: p(z) = \sum_{c=1}^{C} \pi_c \, N(z; \mu_c, \operatorname{diag} \sigma_c^2)

    Weights, means and scales are trained with the rest of the model. The means are initialised
    with draws from N(0, I), because identical components would stay identical.

    Dilokthanakul et al., 2016, Deep unsupervised clustering with Gaussian mixture variational
    autoencoders, https://arxiv.org/abs/1611.02648 (the prior alone).

    Args:
        latent_features: Number of latent variables; or the shape of a latent, such as a map
            (channels, height, width).
        components: Number of normals in the mixture, :math:`C`.
    """

    latent_kind = "real"

    def __init__(self, latent_features: Shape, *, components: int = 10) -> None:
        super().__init__()
        self.latent_shape = as_size(latent_features, "latent_features")
        as_size(components, "components")
        self.logits = nn.Parameter(torch.zeros(components))
        self.loc = nn.Parameter(torch.randn(components, *self.latent_shape))
        self.raw_scale = nn.Parameter(torch.full((components, *self.latent_shape), 0.5))

    def forward(self) -> Distribution:
        """Returns the mixture, with event shape ``latent_shape``."""
        normals = Normal(
            at_least_single(self.loc), positive(at_least_single(self.raw_scale))
        ).to_event(self.loc.dim() - 1)
        return Mixture(dist.Categorical(logits=normalized(self.logits)), normals)
