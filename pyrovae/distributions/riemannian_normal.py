"""The Riemannian normal of hyperbolic space."""

import math
from typing import Any, ClassVar

import torch
from pyro.distributions import constraints
from torch import Size, Tensor
from torch.nn.functional import normalize

from pyrovae.distributions.ball import (
    UNIT_BALL,
    distance,
    exponential,
    log_volume,
    logarithm,
    translate,
)
from pyrovae.distributions.location_scale import LocationScale
from pyrovae.distributions.rejection import PROPOSALS, first_accepted, follow, quadrature
from pyrovae.distributions.special import widest
from pyrovae.distributions.wrapped_normal import log_sinh_ratio

__all__ = ["RiemannianNormal"]

REACH = 9.0  # in scales; the density there is exp(-40) and falls at least as a normal does


class RiemannianNormal(LocationScale):
    r"""The density that falls with the square of hyperbolic distance, on the unit ball.

    .. math:: p(z) = \frac{1}{Z(\sigma)} \exp\left(-\frac{d(z, \mu)^2}{2 \sigma^2}\right)
        \left(\frac{2}{1 - \lVert z \rVert^2}\right)^d, \quad
        Z(\sigma) = \frac{2 \pi^{d/2}}{\Gamma(d/2)}
        \int_0^\infty e^{-r^2 / 2 \sigma^2} \sinh(r)^{d-1} \, dr

    The density is with respect to the volume of the ball's coordinates; without the last factor it
    is with respect to hyperbolic volume. It has the largest entropy of all densities with that
    mean and mean squared distance. The integral is computed by Gauss-Legendre quadrature. The
    distance of a draw from :math:`\mu` is sampled by rejection from a normal, and carries the
    gradient of the implicit function. All computations are in double precision. Points closer to
    the edge than 1e-5 are moved to that distance.

    Mathieu, Le Lan, Maddison, Tomioka and Teh, 2019, Continuous hierarchical representations with
    Poincare variational auto-encoders, https://arxiv.org/abs/1901.06033; Said, Bombrun and
    Berthoumieu, 2014, New Riemannian priors on the univariate normal model,
    https://doi.org/10.3390/e16074015.

    Args:
        loc: The points :math:`\mu` in the ball, ``(*batch, d)``.
        scale: The scale :math:`\sigma`, positive, ``(*batch,)``.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": UNIT_BALL,
        "scale": constraints.positive,
    }
    support = UNIT_BALL

    def __init__(self, loc: Tensor, scale: Tensor, validate_args: bool | None = None) -> None:
        batch = torch.broadcast_shapes(loc.shape[:-1], scale.shape)
        self.loc, self.scale = loc.expand(batch + loc.shape[-1:]), scale.expand(batch)
        super().__init__(batch, loc.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The point about which the density is symmetric, which is its Frechet mean."""
        return self.loc

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that carry gradients."""
        shape = self._extended_shape(Size(sample_shape))
        scale = widest(self.scale).expand(shape[:-1])
        r = _radius(scale, shape[-1])
        noise = torch.randn(shape, dtype=scale.dtype, device=scale.device)
        w = exponential(r.unsqueeze(-1) * normalize(noise, dim=-1))
        z = exponential(logarithm(translate(widest(self.loc), w)))  # no nearer to the edge
        return z.to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of points, with respect to the volume of their coordinates."""
        if self._validate_args:
            self._validate_sample(value)
        z, scale, dim = widest(value), widest(self.scale), self.event_shape[0]
        r = distance(widest(self.loc), z) / scale
        log_area = math.log(2) + 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim)
        constant = log_area + _log_integral(scale, dim)
        return (-0.5 * r.square() - constant + log_volume(z)).to(self.loc.dtype)


def _log_radial(r: Tensor, scale: Tensor, dim: int) -> Tensor:
    """The log-density of the distance r, which is at least 0, up to a constant."""
    normal = -0.5 * (r / scale).square()
    if dim == 1:
        return normal
    return normal + (dim - 1) * (log_sinh_ratio(r) + r.clamp(min=1e-300).log())


def _about_mode(scale: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Bounds of the most probable distance."""
    low = torch.maximum((dim - 1) * scale.square(), math.sqrt(dim - 1) * scale)
    return low, (dim - 1) * scale.square() + math.sqrt(dim - 1) * scale


def _log_integral(scale: Tensor, dim: int) -> Tensor:
    """The logarithm of the integral over all distances."""
    return _masses(scale, dim)[1].logsumexp(-1)


def _masses(scale: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Nodes of the integral over all distances, and the log of each node's contribution."""
    low, high = _about_mode(scale.detach(), dim)
    reach = REACH * scale.detach()
    # In two halves, since the nodes of one rule are too few for a range of some thirty scales.
    middle, nodes, parts = 0.5 * (low + high), [], []
    for a, b in (((low - reach).clamp(min=0), middle), (middle, high + reach)):
        r, weights = quadrature(a, b)
        nodes.append(r)
        parts.append(_log_radial(r, scale.unsqueeze(-1), dim) + weights.clamp(min=1e-300).log())
    return torch.cat(nodes, dim=-1), torch.cat(parts, dim=-1)


def _radius(scale: Tensor, dim: int) -> Tensor:
    """Draws of the distance from the mean, ``(*shape,)``, with a gradient for the scale."""
    r = _draw(scale.detach(), dim)
    if not torch.is_grad_enabled():
        return r
    s = scale.detach()
    every, log_mass = _masses(s, dim)
    mean_square = (log_mass.softmax(-1) * every.square()).sum(-1)
    low, high = _about_mode(s, dim)
    # Minus the derivative of the distribution function with respect to the scale, over the
    # density: an integral over the side of r on which the density is below its value at r.
    left = r < 0.5 * (low + high)
    a, b = (
        torch.where(left, (r - 3 * REACH * s).clamp(min=0), r),
        torch.where(left, r, r + REACH * s),
    )
    t, weights = quadrature(a, b)
    ratio = _log_radial(t, s.unsqueeze(-1), dim) - _log_radial(r, s, dim).unsqueeze(-1)
    excess = t.square() - mean_square.unsqueeze(-1)
    integral = (weights * excess * ratio.exp()).sum(-1) / s.pow(3)
    return follow(r, scale, torch.where(left, -integral, integral))


def _draw(scale: Tensor, dim: int) -> Tensor:
    r"""Draws of the distance, by rejection from a normal.

    The second derivative of the log-density is at most :math:`-1 / \sigma^2`, so any parabola of
    that curvature that touches it lies above it, and a normal is an envelope.
    """
    low, high = _about_mode(scale, dim)
    mode = 0.5 * (low + high)
    for _ in range(8):  # Newton's steps on r tanh(r) = (d - 1) sigma^2
        t = mode.tanh()
        value, slope = mode * t - (dim - 1) * scale.square(), t + mode * (1 - t.square())
        mode = torch.maximum(low, torch.minimum(high, mode - value / slope.clamp(min=1e-12)))
    shape = (*scale.shape, PROPOSALS)
    m, s = mode.unsqueeze(-1), scale.unsqueeze(-1)
    slope = (dim - 1) / m.tanh().clamp(min=1e-300) - m / s.square() if dim > 1 else 0 * m
    noise = torch.randn(shape, dtype=scale.dtype, device=scale.device)
    r = m + s.square() * slope + s * noise
    inside = r > 0
    r = torch.where(inside, r, s)
    envelope = _log_radial(m, s, dim) + slope * (r - m) - 0.5 * ((r - m) / s).square()
    u = torch.rand(shape, dtype=scale.dtype, device=scale.device).clamp(min=1e-300)
    return first_accepted(r, inside & (u.log() < _log_radial(r, s, dim) - envelope))
