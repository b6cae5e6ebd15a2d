"""Likelihood with mixtures of discretised logistics."""

from typing import Any

import pyro.distributions as dist
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions import DiscretizedLogistic, Mixture
from pyrovae.distributions.levels import check_levels
from pyrovae.distributions.special import at_least_single, normalized
from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.parameters import divide_shape, multiply_shape, parameters_last
from pyrovae.nn.network import Network
from pyrovae.nn.positive import positive

__all__ = ["DiscretizedLogisticMixtureLikelihood"]


class DiscretizedLogisticMixtureLikelihood(Likelihood):
    r"""Independent grey levels, each from a mixture of discretised logistics.

    .. math:: p(x \mid z) = \prod_d \sum_{k=1}^K \pi_{dk} \left[
        \sigma\left(\frac{x_d + h - \mu_{dk}}{s_{dk}}\right)
        - \sigma\left(\frac{x_d - h - \mu_{dk}}{s_{dk}}\right)\right],
        \quad h = \frac{1}{2 (L - 1)}

    where the end bins contain the tails, as in `DiscretizedLogisticLikelihood`. Weights, locations
    and scales are all predicted. The data are grey levels :math:`k / (L - 1)` in [0, 1].

    The channels of a pixel are independent given the latents. In PixelCNN++ they share the mixture
    component, and each channel's location depends on the channels before it. This class does
    neither, so on colour images it is a weaker model and its bits per dimension are not comparable
    with those of PixelCNN++.

    Salimans, Karpathy, Chen and Kingma, 2017, PixelCNN++: improving the PixelCNN with discretized
    logistic mixture likelihood and other modifications, https://arxiv.org/abs/1701.05517.

    Args:
        network: Maps a latent to the parameters. Its ``out_shape`` is the shape of one datum,
            except that the first dimension is 3 ``components`` times as long: for each component
            the weights' logits of all variables, then likewise the locations, then the scales
            before they are made positive.
        components: Number of components K of each variable's mixture.
        levels: Number of grey levels L.
        min_scale: Smallest scale, in the unit of the grey values.

    Raises:
        ValueError: If there is no component, there are fewer than 2 levels, the minimum scale is
            negative, the network does not declare its shapes, or its output size is not divisible.
    """

    def __init__(
        self,
        network: Network,
        *,
        components: int = 10,
        levels: int = 256,
        min_scale: float = 1e-4,
    ) -> None:
        super().__init__()
        if components < 1:
            raise ValueError(f"components: expected at least 1, got {components}")
        check_levels(levels)
        if not 0 <= min_scale < float("inf"):
            raise ValueError(f"min_scale: expected a number of at least 0, got {min_scale}")
        what = "logits, locations and scales of each component"
        self.data_shape = divide_shape(network, 3 * components, what)
        self.latent_shape = network.in_shape
        self.network = network
        self.event_dim = len(network.out_shape)
        self.components = components
        self.levels = levels
        self.min_scale = min_scale

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        y = parameters_last(at_least_single(self.network(z)), 3 * self.components, self.event_dim)
        logits, loc, raw_scale = y.chunk(3, dim=-1)
        scale = positive(raw_scale) + self.min_scale
        return Mixture(
            dist.Categorical(logits=normalized(logits)),
            DiscretizedLogistic(loc, scale, levels=self.levels),
        ).to_event(self.event_dim)

    @classmethod
    def network_shape(cls, data_shape: Size, *, components: int = 10, **options: Any) -> Size:
        """A logit, a location and a scale for each component of each variable."""
        return multiply_shape(data_shape, 3 * components)
