"""Student t likelihood."""

from typing import Literal

from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions import StudentT
from pyrovae.likelihoods.location_scale import LocationScaleLikelihood
from pyrovae.nn.network import Network

__all__ = ["StudentTLikelihood"]


class StudentTLikelihood(LocationScaleLikelihood):
    r"""Independent Student t variables: heavy tails, for data with outliers.

    .. math:: p(x \mid z) = \prod_d \frac{\Gamma\left(\frac{\nu + 1}{2}\right)}
        {\Gamma\left(\frac{\nu}{2}\right) \sqrt{\pi \nu} \, s_d}
        \left(1 + \frac{(x_d - \mu_d(z))^2}{\nu s_d^2}\right)^{-(\nu + 1) / 2}

    As :math:`\nu` grows, it approaches a normal with standard deviation s.

    Takahashi, Iwata, Yamanaka, Yamada and Yagi, 2018, Student-t variational autoencoder for robust
    density estimation, https://doi.org/10.24963/ijcai.2018/374.

    Args:
        network: Maps a latent to the means; its ``out_shape`` is the shape of one datum. With a
            predicted scale, the first dimension is twice as long: the means, then the scales
            before they are made positive.
        df: Degrees of freedom :math:`\nu`, more than 1; otherwise the mean does not exist.
        scale: The scale s: a positive number (fixed), ``"learned"`` (one number for all
            variables), ``"per_feature"`` (one learned number for each variable) or ``"predicted"``
            (by the network, for each variable).
        min_scale: Smallest learned or predicted scale, in the data's unit. Without a minimum, the
            density of a variable that never varies grows without bound.
        initial_scale: Where a learned scale begins, in the data's unit, and a predicted one where
            the network gives zero. If None, it is 0.69 above the minimum, from where Adam takes a
            thousand steps to the scale of images in [0, 1].

    Raises:
        ValueError: If ``df`` is not more than 1, the scale is none of these, the minimum scale is
            negative, the initial scale is not above it or stands beside a fixed one, the network
            does not declare its shapes, or its output cannot be split in two.
    """

    def __init__(
        self,
        network: Network,
        *,
        df: float = 4.0,
        scale: float | Literal["learned", "per_feature", "predicted"] = "learned",
        min_scale: float = 1e-3,
        initial_scale: float | None = None,
    ) -> None:
        super().__init__(network, scale=scale, min_scale=min_scale, initial_scale=initial_scale)
        if not 1 < df < float("inf"):
            raise ValueError(
                "df: expected a number above 1, because the mean does not exist otherwise, got "
                f"{df}"
            )
        self.df = df

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        loc, scale = self.location_and_scale(z)
        return StudentT(self.df, loc, scale).to_event(self.event_dim)
