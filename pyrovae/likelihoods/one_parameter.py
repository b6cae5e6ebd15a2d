"""The base of the likelihoods whose variables have one parameter each."""

from abc import abstractmethod
from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions.special import at_least_single
from pyrovae.likelihoods.base import Likelihood
from pyrovae.nn.network import Network

__all__ = ["OneParameterLikelihood"]


class OneParameterLikelihood(Likelihood):
    """Independent variables, each with one parameter from the network.

    A subclass writes `variables`.

    Args:
        network: From a latent to the parameters, with ``out_shape`` that of one datum.

    Raises:
        ValueError: If the network does not declare its shapes.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.latent_shape = network.in_shape
        self.data_shape = network.out_shape
        self.network = network
        self.event_dim = len(network.out_shape)

    @abstractmethod
    def variables(self, parameters: Tensor) -> Any:
        """The variables' distribution from what the network puts out, of the same shape."""

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        return self.variables(at_least_single(self.network(z))).to_event(self.event_dim)

    @classmethod
    def network_shape(cls, data_shape: Size, **options: Any) -> Size:
        """One number for each variable."""
        return data_shape
