"""Priors on hyperbolic space, in the Poincare ball."""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions import RiemannianNormal, WrappedNormal
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import as_size
from pyrovae.priors.base import Prior

__all__ = ["RiemannianNormalPrior", "WrappedNormalPrior"]

# Hyperbolic distance from the centre up to which single precision tells points apart.
RADIUS = 12.2
SMALLEST = 0.01


class WrappedNormalPrior(Prior):
    r"""A wrapped normal at the centre of hyperbolic space, in the Poincare ball.

    .. math:: z = \exp_0(v), \quad v \sim N(0, \sigma^2 I)

    The curvature is -1. A ball of curvature -c with a scale of 1 is equivalent to this one with a
    scale of :math:`\sqrt c`. The matching posteriors are those on the ball, such as
    `WrappedNormalPosterior`.

    Nagano et al., 2019, A wrapped normal distribution on hyperbolic space for gradient-based
    learning, https://arxiv.org/abs/1902.02992; Mathieu et al., 2019, Continuous hierarchical
    representations with Poincare variational auto-encoders, https://arxiv.org/abs/1901.06033.

    Args:
        latent_features: Number of coordinates d.
        scale: The scale :math:`\sigma`; if left out, 1, or the largest allowed where that is smaller
            (from 52 coordinates on).

    Raises:
        ValueError: If the scale is below 0.01, or so large that draws reach the edge of the ball,
            where single precision cannot tell points apart.
    """

    latent_kind = "ball"
    constant_buffers = ("origin",)
    positive_buffers = ("scales",)

    def __init__(self, latent_features: int, *, scale: float | None = None) -> None:
        super().__init__()
        self.latent_shape = as_size(latent_features, "latent_features")
        largest = RADIUS / (math.sqrt(latent_features) + 5)
        scale = _scale(scale, largest, latent_features)
        self.origin: Tensor
        self.scales: Tensor
        self.register_buffer("origin", torch.zeros(latent_features))
        self.register_buffer("scales", torch.full((latent_features,), scale))

    def forward(self) -> Distribution:
        """Returns the wrapped normal, with event shape ``(latent_features,)``."""
        return WrappedNormal(at_least_single(self.origin), at_least_single(self.scales))


class RiemannianNormalPrior(Prior):
    r"""A Riemannian normal at the centre of hyperbolic space, in the Poincare ball.

    .. math:: p(z) \propto \exp\left(-\frac{d(z, 0)^2}{2 \sigma^2}\right)

    with respect to hyperbolic volume. The curvature is -1. A ball of curvature -c with a scale of
    1 is equivalent to this one with a scale of :math:`\sqrt c`. The matching posteriors are those
    on the ball, such as `RiemannianNormalPosterior`.

    Mathieu, Le Lan, Maddison, Tomioka and Teh, 2019, Continuous hierarchical representations with
    Poincare variational auto-encoders, https://arxiv.org/abs/1901.06033.

    Args:
        latent_features: Number of coordinates d.
        scale: The scale :math:`\sigma`; if left out, 1, or the largest allowed where that is smaller
            (from 9 coordinates on). In d dimensions, draws are at a distance of about
            :math:`(d - 1) \sigma^2` from the centre.

    Raises:
        ValueError: If the scale is below 0.01, or so large that draws reach the edge of the ball,
            where single precision cannot tell points apart.
    """

    latent_kind = "ball"
    constant_buffers = ("origin",)
    positive_buffers = ("spread",)

    def __init__(self, latent_features: int, *, scale: float | None = None) -> None:
        super().__init__()
        self.latent_shape = as_size(latent_features, "latent_features")
        n = latent_features - 1
        largest = 2 * RADIUS / (5 + math.sqrt(25 + 4 * RADIUS * n))
        scale = _scale(scale, largest, latent_features)
        self.origin: Tensor
        self.spread: Tensor
        self.register_buffer("origin", torch.zeros(latent_features))
        self.register_buffer("spread", torch.tensor(scale))

    def forward(self) -> Distribution:
        """Returns the Riemannian normal, with event shape ``(latent_features,)``."""
        return RiemannianNormal(at_least_single(self.origin), at_least_single(self.spread))


def _scale(scale: float | None, largest: float, dim: int) -> float:
    """The scale of a prior: the given one, if it is in range, or the default."""
    if scale is None:
        return min(1.0, largest)
    if not SMALLEST <= scale <= largest:
        raise ValueError(
            f"scale: expected a number from {SMALLEST:g} to {largest:.3g}, because wider draws in "
            f"{dim} dimensions reach the boundary of the ball, got {scale}"
        )
    return float(scale)
