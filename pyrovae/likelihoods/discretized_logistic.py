"""Discretised logistic likelihood."""

from typing import Literal

from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions import DiscretizedLogistic
from pyrovae.distributions.levels import check_levels
from pyrovae.likelihoods.location_scale import LocationScaleLikelihood
from pyrovae.nn.network import Network

__all__ = ["DiscretizedLogisticLikelihood"]


class DiscretizedLogisticLikelihood(LocationScaleLikelihood):
    r"""Independent grey levels: logistic variables rounded to the nearest level.

    .. math:: p(x \mid z) = \prod_d \left[
        \sigma\left(\frac{x_d + h - \mu_d(z)}{s_d}\right)
        - \sigma\left(\frac{x_d - h - \mu_d(z)}{s_d}\right)\right], \quad h = \frac{1}{2 (L - 1)}

    where the first term is 1 at x = 1 and the second 0 at x = 0, so that the end bins contain the
    tails. The data are grey levels :math:`k / (L - 1)` in [0, 1], such as 8-bit pixels divided by
    255; other values are refused. The log-likelihood is that of discrete data, so it can be
    compared in bits per dimension. The mean is the expected level.

    Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling, 2016, Improving variational
    inference with inverse autoregressive flow, https://arxiv.org/abs/1606.04934.

    Args:
        network: Maps a latent to the locations, in the unit of the grey values; its ``out_shape``
            is the shape of one datum. With a predicted scale, the first dimension is twice as
            long: the locations, then the scales before they are made positive.
        levels: Number of grey levels L.
        scale: The scale s: a positive number (fixed), ``"learned"`` (one number for all variables)
            or ``"predicted"`` (by the network, for each variable).
        min_scale: Smallest learned or predicted scale, in the unit of the grey values. With the
            default, one of 256 levels can get all the probability.
        initial_scale: Where a learned scale begins, in the unit of the grey values, and a
            predicted one where the network gives zero. If None, it is 0.69 above the minimum, from
            where Adam takes a thousand steps to the scale of images.

    Raises:
        ValueError: If there are fewer than 2 levels, the scale is none of these, the minimum scale
            is negative, the initial scale is not above it or stands beside a fixed one, the
            network does not declare its shapes, or its output cannot be split in two.
    """

    def __init__(
        self,
        network: Network,
        *,
        levels: int = 256,
        scale: float | Literal["learned", "predicted"] = "learned",
        min_scale: float = 1e-4,
        initial_scale: float | None = None,
    ) -> None:
        super().__init__(network, scale=scale, min_scale=min_scale, initial_scale=initial_scale)
        check_levels(levels)
        self.levels = levels

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        loc, scale = self.location_and_scale(z)
        return DiscretizedLogistic(loc, scale, levels=self.levels).to_event(self.event_dim)
