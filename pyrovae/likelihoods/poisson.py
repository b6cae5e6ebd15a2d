"""Poisson likelihood."""

from typing import Any

import pyro.distributions as dist
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.likelihoods.base import Likelihood
from pyrovae.nn.network import Network, check_network
from pyrovae.nn.positive import positive

__all__ = ["PoissonLikelihood"]


class PoissonLikelihood(Likelihood):
    r"""Independent counts with rates from a network.

    .. math:: p(x \mid z) = \prod_d \frac{\lambda_d^{x_d} e^{-\lambda_d}}{x_d!},
        \quad \lambda = \log(1 + e^{f(z)})

    The data are whole numbers of at least 0, as floating values or integers in a NumPy file. Only
    8-bit integers are taken for grey levels and divided by 255: give small counts another type
    (``counts.astype("float32")``). Divided data are refused, as values that are no whole numbers.

    Args:
        network: From a latent to the rates before they are made positive, with ``out_shape`` that
            of one datum.

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
        return dist.Poisson(positive(self.network(z))).to_event(self.event_dim)

    @classmethod
    def network_shape(cls, data_shape: Size, **options: Any) -> Size:
        """A rate for each variable."""
        return data_shape
