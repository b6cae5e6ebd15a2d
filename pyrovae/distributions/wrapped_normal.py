"""The wrapped normal of hyperbolic space."""

from typing import Any, ClassVar

import torch
from pyro.distributions import constraints
from torch import Size, Tensor

from pyrovae.distributions.ball import UNIT_BALL, exponential, log_volume, logarithm, translate
from pyrovae.distributions.location_scale import LocationScale
from pyrovae.distributions.normal import Normal
from pyrovae.distributions.special import widest

__all__ = ["WrappedNormal", "log_sinh_ratio"]


def log_sinh_ratio(r: Tensor) -> Tensor:
    r"""The logarithm of :math:`\sinh(r) / r` for numbers of at least 0; 0 at 0."""
    small = r < 1e-2
    near, far = torch.where(small, r, 0.0), torch.where(small, 1.0, r)
    square = near.square()
    series = square / 6 - square.square() / 180
    return torch.where(small, series, far - (2 * far).log() + torch.log1p(-(-2 * far).exp()))


class WrappedNormal(LocationScale):
    r"""A normal on a tangent space, wrapped onto hyperbolic space in the unit ball.

    .. math:: z = \mu \oplus \exp_0(v), \quad v \sim N(0, \operatorname{diag} \sigma^2)

    .. math:: \log p(z) = \log N(v; 0, \operatorname{diag} \sigma^2)
        - (d - 1) \log \frac{\sinh r}{r} + d \log \frac{2}{1 - \lVert z \rVert^2},
        \quad r = \lVert v \rVert

    The density is with respect to the volume of the ball's coordinates, like every density of a
    latent in a real space; without the last term it is with respect to hyperbolic volume. It is
    computed in double precision. Points closer to the edge than 1e-5 (a distance of 12.2 from the
    centre) are moved to that distance.

    Nagano, Yamaguchi, Fujita and Koyama, 2019, A wrapped normal distribution on hyperbolic space
    for gradient-based learning, https://arxiv.org/abs/1902.02992; Mathieu, Le Lan, Maddison,
    Tomioka and Teh, 2019, Continuous hierarchical representations with Poincare variational
    auto-encoders, https://arxiv.org/abs/1901.06033.

    Args:
        loc: The points :math:`\mu` in the ball, ``(*batch, d)``.
        scale: The scales :math:`\sigma`, positive, ``(*batch, d)``.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": UNIT_BALL,
        "scale": constraints.independent(constraints.positive, 1),
    }
    support = UNIT_BALL

    def __init__(self, loc: Tensor, scale: Tensor, validate_args: bool | None = None) -> None:
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)
        super().__init__(self.loc.shape[:-1], self.loc.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The point about which the density is symmetric, which is its Frechet mean."""
        return self.loc

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that carry gradients."""
        shape = self._extended_shape(Size(sample_shape))
        noise = torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device)
        v = widest(self.scale) * widest(noise)
        z = translate(widest(self.loc), exponential(v))
        return _settled(z).to(self.loc.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of points, with respect to the volume of their coordinates."""
        if self._validate_args:
            self._validate_sample(value)
        z = widest(value)
        v = logarithm(translate(-widest(self.loc), z))
        normal = Normal(torch.zeros_like(v), widest(self.scale), validate_args=False)
        r = v.square().sum(-1).clamp(min=1e-30).sqrt()
        found = normal.log_prob(v).sum(-1) - (v.shape[-1] - 1) * log_sinh_ratio(r) + log_volume(z)
        return found.to(self.loc.dtype)


def _settled(z: Tensor) -> Tensor:
    """Moves points too close to the edge to where single precision resolves them."""
    return exponential(logarithm(z))
