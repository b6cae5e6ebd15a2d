"""Posteriors on hyperbolic space, in the Poincare ball."""

import math
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions import RiemannianNormal, WrappedNormal
from pyrovae.distributions.ball import exponential
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Network
from pyrovae.posteriors.base import Posterior, latent_features_of

__all__ = ["RiemannianNormalPosterior", "WrappedNormalPosterior"]

# Largest distance of a mean from the centre, and of draws from their mean, short of the edge.
FARTHEST, REACH = 6.0, 6.2
SMALLEST = 0.01


class WrappedNormalPosterior(Posterior):
    r"""A wrapped normal on hyperbolic space, in the Poincare ball with curvature -1.

    .. math:: z = \mu(x) \oplus \exp_0(v), \quad v \sim N(0, \operatorname{diag} \sigma(x)^2)

    The matching prior is a `WrappedNormalPrior` or a `RiemannianNormalPrior`; the KL divergence is
    estimated from draws. A ball with curvature -c is equivalent to this one with scales multiplied
    by :math:`\sqrt c`. Densities are with respect to the volume of the ball's coordinates.
    Encoding returns :math:`\mu`, the Frechet mean. Means are at most 6 from the centre, and scales
    range from 0.01 to :math:`6.2 / (\sqrt d + 4)`, so that single precision can tell draws apart.

    Nagano et al., 2019, A wrapped normal distribution on hyperbolic space for gradient-based
    learning, https://arxiv.org/abs/1902.02992; Mathieu et al., 2019, Continuous hierarchical
    representations with Poincare variational auto-encoders, https://arxiv.org/abs/1901.06033.

    Args:
        network: Maps a datum to ``2 * latent_features`` numbers: the means in the tangent space
            at the centre, then the scales before a sigmoid maps them to their range.

    Raises:
        ValueError: If the network's output cannot be split in two.
    """

    latent_kind = "ball"

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.latent_shape = Size([latent_features_of(WrappedNormalPosterior, network)])
        self.data_shape = network.in_shape
        self.network = network

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        v, raw = at_least_single(self.network(x)).chunk(2, dim=-1)
        largest = REACH / (math.sqrt(v.shape[-1]) + 4)
        return WrappedNormal(_point(v), _scale(raw, largest))

    @classmethod
    def network_shape(cls, latent_features: int, **options: Any) -> Size:
        """A mean and a scale for each coordinate."""
        return Size([2 * latent_features])


class RiemannianNormalPosterior(Posterior):
    r"""A Riemannian normal on hyperbolic space, in the Poincare ball with curvature -1.

    .. math:: q(z \mid x) \propto \exp\left(-\frac{d(z, \mu(x))^2}{2 \sigma(x)^2}\right)

    with respect to hyperbolic volume, where d is hyperbolic distance. The matching prior is a
    `RiemannianNormalPrior` or a `WrappedNormalPrior`; the KL divergence is estimated from draws.
    Encoding returns :math:`\mu`, the Frechet mean. Means are at most 6 from the centre. The scale
    ranges from 0.01 to where :math:`(d - 1) \sigma^2 + 5 \sigma = 6.2`: most of the volume of
    hyperbolic space is far away, and single precision must still be able to tell draws apart.

    Mathieu, Le Lan, Maddison, Tomioka and Teh, 2019, Continuous hierarchical representations with
    Poincare variational auto-encoders, https://arxiv.org/abs/1901.06033.

    Args:
        network: Maps a datum to ``latent_features + 1`` numbers: the mean in the tangent space at
            the centre, then the scale before a sigmoid maps it to its range.

    Raises:
        ValueError: If the network's output has fewer than two numbers.
    """

    latent_kind = "ball"

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.latent_shape = Size([latent_features_of(RiemannianNormalPosterior, network)])
        self.data_shape = network.in_shape
        self.network = network

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        numbers = at_least_single(self.network(x))
        v, raw = numbers[..., :-1], numbers[..., -1]
        n = v.shape[-1] - 1
        largest = 2 * REACH / (5 + math.sqrt(25 + 4 * REACH * n))
        return RiemannianNormal(_point(v), _scale(raw, largest))

    @classmethod
    def network_shape(cls, latent_features: int, **options: Any) -> Size:
        """A mean for each coordinate, and one scale."""
        return Size([latent_features + 1])


def _scale(raw: Tensor, largest: float) -> Tensor:
    """Maps numbers to scales in their range."""
    # Clamping would stop the gradient, in many dimensions even for all scales of an untrained
    # network.
    return SMALLEST + (largest - SMALLEST) * raw.sigmoid()


def _point(v: Tensor) -> Tensor:
    """The end of the geodesic from the centre, no farther away than means may be."""
    size = v.detach().abs().amax(-1, keepdim=True).clamp(min=1.0)
    length = (v / size).square().sum(-1, keepdim=True).clamp(min=1e-30).sqrt() * size
    return exponential(torch.where(length > FARTHEST, v * (FARTHEST / length), v))
