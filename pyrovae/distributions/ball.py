r"""Hyperbolic space as the Poincare ball of radius 1, with curvature -1.

A ball of another curvature -c is the same space with all distances divided by :math:`\sqrt c`, so
a scale can play the part of the curvature: a standard deviation of s there is one of :math:`\sqrt
c \, s` here.
"""

import math
from typing import Any

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.distributions import Transform, biject_to

from pyrovae.distributions.special import widest

__all__ = ["UNIT_BALL", "distance", "exponential", "log_volume", "logarithm", "translate"]

# In single precision a point nearer to the edge would be on it. Its distance to the centre is
# 12.2.
EDGE = 1 - 1e-5


class _UnitBall(constraints.Constraint):
    """Points inside the unit sphere."""

    is_discrete = False
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return value.square().sum(-1) < 1


#: The support of distributions on the ball.
UNIT_BALL = _UnitBall()


def _length(x: Tensor) -> Tensor:
    """Lengths of vectors, ``(*, 1)``, with a finite gradient at zero."""
    return x.square().sum(-1, keepdim=True).clamp(min=1e-30).sqrt()


def _inside(z: Tensor) -> Tensor:
    """Moves points too close to the edge back to the largest distance that can be resolved."""
    length = _length(z)
    return torch.where(length > EDGE, z * (EDGE / length), z)


def translate(by: Tensor, z: Tensor) -> Tensor:
    r"""Moebius addition :math:`a \oplus z`: the translation that takes the centre to a.

    .. math:: a \oplus z = \frac{(1 + 2 a^\top z + \lVert z \rVert^2) a
        + (1 - \lVert a \rVert^2) z}{1 + 2 a^\top z + \lVert a \rVert^2 \lVert z \rVert^2}

    Args:
        by: Points a, ``(*, d)``.
        z: Points z, ``(*, d)``.
    """
    product = (by * z).sum(-1, keepdim=True)
    a, b = by.square().sum(-1, keepdim=True), z.square().sum(-1, keepdim=True)
    return ((1 + 2 * product + b) * by + (1 - a) * z) / (1 + 2 * product + a * b)


def exponential(v: Tensor) -> Tensor:
    r"""The end of the geodesic from the centre, :math:`\tanh(r / 2) \, v / r`, r its length."""
    r = _length(v)
    return _inside((0.5 * r).tanh() / r * v)


def logarithm(z: Tensor) -> Tensor:
    """The inverse of `exponential`."""
    length = _length(z)
    return 2 * length.clamp(max=1 - 1e-15).atanh() / length * z


def distance(a: Tensor, b: Tensor) -> Tensor:
    r"""Hyperbolic distances, :math:`2 \operatorname{artanh} \lVert -a \oplus b \rVert`."""
    return _length(logarithm(translate(-a, b))).squeeze(-1)


def log_volume(z: Tensor) -> Tensor:
    r"""Log-ratio of hyperbolic to coordinate volume, :math:`d \log \frac{2}{1 - z^\top z}`."""
    return z.shape[-1] * (math.log(2) - torch.log1p(-z.square().sum(-1)))


class _IntoBall(Transform):
    """The exponential map at the centre, from a real space to the ball."""

    domain = constraints.real_vector
    codomain = UNIT_BALL
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _IntoBall)

    def _call(self, x: Tensor) -> Tensor:
        return exponential(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return logarithm(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The log-ratio of the ball's volume to that of the real space."""
        r = _length(widest(x)).squeeze(-1)
        half = 0.5 * r
        # tanh(r / 2) / r in each direction across the radius; (1 - tanh^2) / 2 along it.
        across = (x.shape[-1] - 1) * (half.tanh() / r).log()
        along = -math.log(2) - 2 * (torch.logaddexp(half, -half) - math.log(2))
        return (across + along).to(x.dtype)


@biject_to.register(_UnitBall)
def _into_ball(constraint: Any) -> Transform:
    return _IntoBall()
