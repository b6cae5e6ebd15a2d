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
    :math:`\mu (1 - \mu) \phi / (1 + \phi)` (for m = 0). At 0 and 1 a beta density is 0 or
    infinite, and images are full of both: the variables are stretched to :math:`(-m, 1 + m)`, a
    proper density, by a margin of about half an 8-bit level unless told otherwise. With
    ``margin=0`` the data have to lie strictly between 0 and 1; values on or beyond the ends are
    refused. (To both concentrations :math:`10^{-6}` is added, so that none becomes zero.)

    Ferrari and Cribari-Neto, 2004, Beta regression for modelling rates and proportions,
    https://doi.org/10.1080/0266476042000214501.

    Args:
        network: From a latent to the logits of the means, with ``out_shape`` that of one datum;
            with a predicted dispersion the first dimension is twice as long: the logits, then
            the dispersions before they are made positive.
        dispersion: A positive number (fixed), ``"learned"`` (one number for all
            variables), ``"per_feature"`` (one learned for each variable) or ``"predicted"`` (by
            the network, for each variable).
        min_dispersion: Smallest learned or predicted dispersion. Without it the density of a
            variable that never varies grows without bound.
        margin: By how much, m, the interval is wider than [0, 1] at each end.

    Raises:
        ValueError: If the dispersion is none of these, the smallest dispersion or the margin is
            negative, the network does not declare its shapes, or its output cannot be halved.
    """

    scale_name = "dispersion"

    def __init__(
        self,
        network: Network,
        *,
        dispersion: float | Literal["learned", "per_feature", "predicted"] = "learned",
        min_dispersion: float = 1e-3,
        margin: float = 0.002,
    ) -> None:
        super().__init__(network, scale=dispersion, min_scale=min_dispersion)
        if not 0 <= margin < float("inf"):
            raise ValueError(f"margin: expected a number of at least 0, got {margin}")
        self.margin = margin

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        logits, dispersion = self.location_and_scale(z)
        # sigmoid(-logits) and not 1 - sigmoid(logits), which has lost its digits near 1.
        return StretchedBeta(
            torch.sigmoid(logits) / dispersion + SMALLEST,
            torch.sigmoid(-logits) / dispersion + SMALLEST,
            margin=self.margin,
        ).to_event(self.event_dim)
