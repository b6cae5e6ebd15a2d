"""Laplace likelihood."""

import pyro.distributions as dist
from torch import Tensor
from torch.distributions import Distribution

from pyrovae.likelihoods.location_scale import LocationScaleLikelihood

__all__ = ["LaplaceLikelihood"]


class LaplaceLikelihood(LocationScaleLikelihood):
    r"""Independent Laplace variables: absolute errors instead of the normal's squared errors.

    .. math:: p(x \mid z) = \prod_d \frac{1}{2 b_d}
        \exp\left(-\frac{|x_d - \mu_d(z)|}{b_d}\right)

    The location is the median; outliers have less influence than under a normal.

    Args:
        network: Maps a latent to the locations; its ``out_shape`` is the shape of one datum. With
            a predicted scale, the first dimension is twice as long: the locations, then the scales
            before they are made positive.
        scale: The scale b: a positive number (fixed), ``"learned"`` (one number for all
            variables), ``"per_feature"`` (one learned number for each variable) or ``"predicted"``
            (by the network, for each variable).
        min_scale: Smallest learned or predicted scale, in the data's unit. Without a minimum, the
            density of a variable that never varies grows without bound.
        initial_scale: Where a learned scale begins, in the data's unit, and a predicted one where
            the network gives zero. If None, it is 0.69 above the minimum, from where Adam takes a
            thousand steps to the scale of images in [0, 1].

    Raises:
        ValueError: If the scale is none of these, the minimum scale is negative, the initial scale
            is not above it or stands beside a fixed one, the network does not declare its shapes,
            or its output cannot be split in two.
    """

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        loc, scale = self.location_and_scale(z)
        return dist.Laplace(loc, scale).to_event(self.event_dim)
