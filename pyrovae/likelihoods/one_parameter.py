"""The base class of likelihoods with one parameter for each variable."""

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

    Subclasses implement `variables`.

    Args:
        network: Maps a latent to the parameters; its ``out_shape`` is the shape of one datum.

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
        """Returns the distribution of the variables, given the network's output in their shape."""

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        return self.variables(at_least_single(self.network(z))).to_event(self.event_dim)

    @classmethod
    def network_shape(cls, data_shape: Size, **options: Any) -> Size:
        """One number for each variable."""
        return data_shape
