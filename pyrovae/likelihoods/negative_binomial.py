"""Negative binomial likelihood."""

from typing import Literal

from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions import NegativeBinomial
from pyrovae.likelihoods.location_scale import LocationScaleLikelihood
from pyrovae.nn.network import Network
from pyrovae.nn.positive import positive

__all__ = ["NegativeBinomialLikelihood"]


class NegativeBinomialLikelihood(LocationScaleLikelihood):
    r"""Independent counts with more variance than Poisson counts of the same mean.

    .. math:: p(x \mid z) = \prod_d \frac{\Gamma(x_d + r_d)}{x_d! \, \Gamma(r_d)}
        \left(\frac{r_d}{r_d + \mu_d}\right)^{r_d} \left(\frac{\mu_d}{r_d + \mu_d}\right)^{x_d},
        \quad \mu = \log(1 + e^{f(z)}) + 10^{-6}, \quad r_d = 1 / \alpha_d

    :math:`\mu` is the mean and :math:`\alpha` the dispersion: the variance is
    :math:`\mu + \alpha \mu^2`, and as :math:`\alpha` goes to 0 the counts become Poisson. The data
    are whole numbers of at least 0; see `PoissonLikelihood` for their types.

    Lopez, Regier, Cole, Jordan and Yosef, 2017, A deep generative model for gene expression
    profiles from single-cell RNA sequencing, https://arxiv.org/abs/1709.02082.

    Args:
        network: Maps a latent to the means before they are made positive; its ``out_shape`` is the
            shape of one datum. With a predicted dispersion, the first dimension is twice as long:
            the means, then the dispersions.
        dispersion: A positive number (fixed), ``"learned"`` (one number for all variables),
            ``"per_feature"`` (one learned number for each variable), ``"predicted"`` (by the
            network, for each variable), or another network that maps the last numbers of a latent
            to the dispersions before they are made positive. The likelihood of a `ConditionalVAE`
            reads the condition there, so ``MLP(batches, [], data_shape)`` gives one dispersion for
            each variable and batch.
        min_dispersion: Smallest learned or predicted dispersion.
        initial_dispersion: Where a learned dispersion begins, and a predicted one where the network
            gives zero. If None, it is 0.69 above the minimum.

    Raises:
        ValueError: If the dispersion is none of these, the minimum dispersion is negative, the
            initial dispersion is not above it or stands beside a fixed one, the network does not
            declare its shapes, or its output cannot be split in two.
    """

    counts = independent_counts = True
    scale_name = "dispersion"

    def __init__(
        self,
        network: Network,
        *,
        dispersion: float | Literal["learned", "per_feature", "predicted"] | Network = "learned",
        min_dispersion: float = 1e-3,
        initial_dispersion: float | None = None,
    ) -> None:
        super().__init__(
            network,
            scale=dispersion,
            min_scale=min_dispersion,
            initial_scale=initial_dispersion,
        )

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        raw_mean, dispersion = self.location_and_scale(z)
        return NegativeBinomial(positive(raw_mean), dispersion).to_event(self.event_dim)
