"""Continuous Bernoulli likelihood."""

from typing import Any

import pyro.distributions as dist
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.likelihoods.base import Likelihood
from pyrovae.nn.network import Network, check_network

__all__ = ["ContinuousBernoulliLikelihood"]


class ContinuousBernoulliLikelihood(Likelihood):
    r"""Independent variables on [0, 1] with a normalised Bernoulli-shaped density.

    .. math:: p(x \mid z) = \prod_d C(\lambda_d) \lambda_d^{x_d} (1 - \lambda_d)^{1 - x_d},
        \quad \lambda = \operatorname{sigmoid}(f(z))

    with :math:`C(\lambda) = 2 \operatorname{artanh}(1 - 2\lambda) / (1 - 2\lambda)` (2 at one
    half): what the Bernoulli lacks to be a density of grey levels.

    Loaiza-Ganem and Cunningham, 2019, The continuous Bernoulli: fixing a pervasive error in
    variational autoencoders, https://arxiv.org/abs/1907.06845.

    Args:
        network: From a latent to the logits, with ``out_shape`` that of one datum.

    Raises:
        ValueError: If the network does not declare its shapes.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        check_network(network)
        self.latent_shape = network.in_shape
        self.data_shape = network.out_shape
        self.network = network
        self.event_dim = len(network.out_shape)

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        return dist.ContinuousBernoulli(logits=self.network(z)).to_event(self.event_dim)

    @classmethod
    def network_shape(cls, data_shape: Size, **options: Any) -> Size:
        """A logit for each variable."""
        return data_shape
