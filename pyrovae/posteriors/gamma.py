"""Gamma posterior."""

from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions import Gamma
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Network, Shape, latents_per, stacked
from pyrovae.nn.positive import positive
from pyrovae.posteriors.base import Posterior

__all__ = ["GammaPosterior"]

# Range of the shapes. Draws underflow single precision below it and are indistinguishable above.
SMALLEST, LARGEST = 0.1, 1e6


class GammaPosterior(Posterior):
    r"""Independent gamma variables, for latents that are positive quantities.

    .. math:: q(z \mid x) = \prod_d \operatorname{Gamma}(z_d; a_d(x), b_d(x))

    The matching prior is a `GammaPrior` (the KL divergence is then known in closed form), another
    prior over positive numbers, or one over real numbers, of which only the positive part is used.
    Shapes a range from 0.1 to 1e6, and rates b from 1e-6 to 1e6. Draws carry gradients by implicit
    reparameterisation.

    Figurnov, Mohamed and Mnih, 2018, Implicit reparameterization gradients,
    https://arxiv.org/abs/1805.08498.

    Args:
        network: Maps a datum to ``2 * latent_features`` numbers: the shapes, then the rates,
            before they are made positive. For latents that are maps ``(C, H, W)`` its output is
            ``(2 * C, H, W)``, and the first C channels are the shapes.

    Raises:
        ValueError: If the network's output cannot be split in two along its first dimension.
    """

    latent_kind = "bounded"
    takes_maps = True

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.latent_shape = latents_per(network, 2)
        self.data_shape = network.in_shape
        self.network = network

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        raw, events = at_least_single(self.network(x)), len(self.network.out_shape)
        concentration, rate = (positive(part) for part in raw.chunk(2, dim=-events))
        return Gamma(
            (concentration + SMALLEST).clamp(max=LARGEST), rate.clamp(max=LARGEST)
        ).to_event(events)

    @classmethod
    def network_shape(cls, latent_features: Shape, **options: Any) -> Size:
        """A shape and a rate for each latent variable, along the first dimension."""
        return stacked(latent_features, 2)
