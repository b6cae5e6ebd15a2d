"""Hyperbolic secant likelihood."""

from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions import HyperbolicSecant
from pyrovae.likelihoods.location_scale import LocationScaleLikelihood

__all__ = ["HyperbolicSecantLikelihood"]


class HyperbolicSecantLikelihood(LocationScaleLikelihood):
    r"""Independent hyperbolic secant variables: the log-cosh loss as a proper density.

    .. math:: p(x \mid z) = \prod_d \frac{1}{\pi s_d \cosh((x_d - \mu_d(z)) / s_d)}

    Small errors count by their square, as under a normal, and large errors by their absolute
    value, as under a Laplace distribution, with a smooth transition between the two.

    Chen, Chen, Yan, Zhang and Ao, 2019, Log hyperbolic cosine loss improves variational
    auto-encoder, https://openreview.net/forum?id=rkglvsC9Ym. There the loss is
    :math:`\frac{1}{a} \log \cosh a t`: a scale of :math:`1 / a`, with an extra weight of
    :math:`1 / a` that makes it no longer a log-density.

    Args:
        network: Maps a latent to the locations; its ``out_shape`` is the shape of one datum. With
            a predicted scale, the first dimension is twice as long: the locations, then the scales
            before they are made positive.
        scale: The scale s: a positive number (fixed), ``"learned"`` (one number for all
            variables), ``"per_feature"`` (one learned number for each variable) or ``"predicted"``
            (by the network, for each variable). The standard deviation is :math:`\pi s / 2`.
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
        return HyperbolicSecant(loc, scale).to_event(self.event_dim)
