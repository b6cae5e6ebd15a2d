"""Bernoulli likelihood."""

from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions import GreyBernoulli
from pyrovae.likelihoods.base import Likelihood
from pyrovae.nn.network import Network, check_network

__all__ = ["BernoulliLikelihood"]


class BernoulliLikelihood(Likelihood):
    r"""Independent binary variables with logits from a network.

    .. math:: \log p(x \mid z) = \sum_d x_d \log \mu_d + (1 - x_d) \log (1 - \mu_d),
        \quad \mu = \operatorname{sigmoid}(f(z))

    Values between 0 and 1 are accepted, as the field does with grey images; the number is then a
    cross-entropy and not a log-likelihood, and reports say so.

    Kingma and Welling, 2014, Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114.

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
        return GreyBernoulli(logits=self.network(z)).to_event(self.event_dim)

    @classmethod
    def network_shape(cls, data_shape: Size, **options: Any) -> Size:
        """A logit for each variable."""
        return data_shape
