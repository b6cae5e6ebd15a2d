"""Normal likelihood."""

from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions import Normal
from pyrovae.likelihoods.location_scale import LocationScaleLikelihood

__all__ = ["NormalLikelihood"]


class NormalLikelihood(LocationScaleLikelihood):
    r"""Independent normals with means from a network and a fixed, learned or predicted scale.

    .. math:: p(x \mid z) = \prod_d N(x_d; \mu_d(z), \sigma_d^2)

    A fixed scale sets the weight of the reconstruction against the KL term by hand. A single
    learned scale finds the balance (Rybkin et al.). A predicted scale expresses how certain the
    decoder is of each variable.

    Rybkin, Daniilidis and Levine, 2021, Simple and effective VAE training with calibrated
    decoders, https://arxiv.org/abs/2006.13202.

    Args:
        network: Maps a latent to the means; its ``out_shape`` is the shape of one datum. With a
            predicted scale, the first dimension is twice as long: the means, then the scales
            before they are made positive.
        scale: A positive number (fixed), ``"learned"`` (one number for all variables),
            ``"per_feature"`` (one learned number for each variable) or ``"predicted"`` (by the
            network, for each variable).
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
        return Normal(loc, scale).to_event(self.event_dim)
