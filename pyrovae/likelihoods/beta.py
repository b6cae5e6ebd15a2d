"""Beta likelihood."""

from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions import StretchedBeta
from pyrovae.likelihoods.location_scale import LocationScaleLikelihood
from pyrovae.nn.network import Network

__all__ = ["BetaLikelihood"]

SMALLEST = 1e-6


class BetaLikelihood(LocationScaleLikelihood):
    r"""Independent beta variables, for proportions and grey levels.

    .. math:: p(x \mid z) = \prod_d \frac{1}{1 + 2m}
        \operatorname{Beta}\left(\frac{x_d + m}{1 + 2m};
        \frac{\mu_d}{\phi_d}, \frac{1 - \mu_d}{\phi_d}\right),
        \quad \mu = \operatorname{sigmoid}(f(z))

    :math:`\mu` is the mean and :math:`\phi` the dispersion: the variance is
    :math:`\mu (1 - \mu) \phi / (1 + \phi)` (for m = 0). At 0 and 1 a beta density is zero or
    infinite, and many pixels of an image have exactly these values. The variables are therefore
    stretched to :math:`(-m, 1 + m)`, which keeps the density normalised. The default margin m is
    about half an 8-bit level. With ``margin=0`` the data must lie strictly between 0 and 1; other
    values are refused. (Both concentrations are increased by :math:`10^{-6}`, so that neither
    becomes zero.)

    Ferrari and Cribari-Neto, 2004, Beta regression for modelling rates and proportions,
    https://doi.org/10.1080/0266476042000214501.

    Args:
        network: Maps a latent to the logits of the means; its ``out_shape`` is the shape of one
            datum. With a predicted dispersion, the first dimension is twice as long: the logits,
            then the dispersions before they are made positive.
        dispersion: A positive number (fixed), ``"learned"`` (one number for all variables),
            ``"per_feature"`` (one learned number for each variable) or ``"predicted"`` (by the
            network, for each variable).
        min_dispersion: Smallest learned or predicted dispersion. Without a minimum, the density of
            a variable that never varies grows without bound.
        initial_dispersion: Where a learned dispersion begins, and a predicted one where the network
            gives zero. If None, it is 0.69 above the minimum.
        margin: The margin m by which the interval extends beyond 0 and beyond 1.

    Raises:
        ValueError: If the dispersion is none of these, the minimum dispersion or the margin is
            negative, the initial dispersion is not above the minimum or stands beside a fixed one,
            the network does not declare its shapes, or its output cannot be split in two.
    """

    scale_name = "dispersion"

    def __init__(
        self,
        network: Network,
        *,
        dispersion: float | Literal["learned", "per_feature", "predicted"] = "learned",
        min_dispersion: float = 1e-3,
        initial_dispersion: float | None = None,
        margin: float = 0.002,
    ) -> None:
        super().__init__(
            network,
            scale=dispersion,
            min_scale=min_dispersion,
            initial_scale=initial_dispersion,
        )
        if not 0 <= margin < float("inf"):
            raise ValueError(f"margin: expected a number of at least 0, got {margin}")
        self.margin = margin

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        logits, dispersion = self.location_and_scale(z)
        # 1 - sigmoid(logits) would lose precision near 1, so use sigmoid(-logits).
        return StretchedBeta(
            torch.sigmoid(logits) / dispersion + SMALLEST,
            torch.sigmoid(-logits) / dispersion + SMALLEST,
            margin=self.margin,
        ).to_event(self.event_dim)
