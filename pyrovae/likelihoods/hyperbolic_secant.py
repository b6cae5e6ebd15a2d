"""Hyperbolic secant likelihood."""

from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions import HyperbolicSecant
from pyrovae.likelihoods.location_scale import LocationScaleLikelihood

__all__ = ["HyperbolicSecantLikelihood"]


class HyperbolicSecantLikelihood(LocationScaleLikelihood):
    r"""Independent hyperbolic secant variables: the log-cosh loss, as the density that it is.

    .. math:: p(x \mid z) = \prod_d \frac{1}{\pi s_d \cosh((x_d - \mu_d(z)) / s_d)}

    Small errors count by their square, as under a normal, and large ones by their size, as under
    a Laplace variable, without a corner between.

    Chen, Chen, Yan, Zhang and Ao, 2019, Log hyperbolic cosine loss improves variational
    auto-encoder, https://openreview.net/forum?id=rkglvsC9Ym. There the loss is
    :math:`\frac{1}{a} \log \cosh a t`, a scale of :math:`1 / a` with a weight of :math:`1 / a`
    that makes it no log-density.

    Args:
        network: From a latent to the locations, with ``out_shape`` that of one datum; with a
            predicted scale the first dimension is twice as long: the locations, then the scales
            before they are made positive.
        scale: The scale s: a positive number (fixed), ``"learned"`` (one number for all
            variables), ``"per_feature"`` (one learned for each variable) or ``"predicted"`` (by
            the network, for each variable). The standard deviation is :math:`\pi s / 2`.
        min_scale: Smallest learned or predicted scale, in the data's unit. Without it the
            density of a variable that never varies grows without bound.

    Raises:
        ValueError: If the scale is none of these, the smallest scale is negative, the network does
            not declare its shapes, or its output cannot be halved.
    """

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        loc, scale = self.location_and_scale(z)
        return HyperbolicSecant(loc, scale).to_event(self.event_dim)
