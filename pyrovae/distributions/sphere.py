"""Distributions on the unit sphere, uniform and power spherical, with their KL divergence."""

import math
from typing import Any, ClassVar, Self

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions import register_kl
from torch.nn.functional import normalize

from pyrovae.distributions.special import digamma_difference, lgamma_difference, widest

__all__ = ["PowerSpherical", "SphereUniform"]


def _log_area(dim: int) -> float:
    """The logarithm of the surface area of the unit sphere in ``dim`` dimensions."""
    return math.log(2) + 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim)


def _directions(shape: Size, like: Tensor) -> Tensor:
    """Draws points uniformly from the unit sphere in ``shape[-1]`` dimensions."""
    return normalize(torch.randn(shape, dtype=like.dtype, device=like.device), dim=-1)


def _check_dim(dim: int, what: str) -> None:
    if dim < 2:
        raise ValueError(f"{what}: a sphere expects at least 2 dimensions, got {dim}")


class SphereUniform(TorchDistribution):
    r"""The uniform distribution on the unit sphere :math:`S^{d-1}` in :math:`d` dimensions.

    .. math:: p(z) = \frac{\Gamma(d/2)}{2 \pi^{d/2}}, \quad \lVert z \rVert = 1

    The density is with respect to the sphere's surface.

    Args:
        origin: Any tensor of shape ``(*batch, d)``; only its shape, dtype and device are read.

    Raises:
        ValueError: If ``d`` is less than 2.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"origin": constraints.real_vector}
    support = constraints.sphere
    has_rsample = True

    def __init__(self, origin: Tensor, validate_args: bool | None = None) -> None:
        _check_dim(origin.shape[-1], "SphereUniform")
        self.origin = origin
        super().__init__(origin.shape[:-1], origin.shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution with another batch shape."""
        new: Self = self._get_checked_instance(SphereUniform, _instance)
        new.origin = self.origin.expand(Size(batch_shape) + self.event_shape)
        super(SphereUniform, new).__init__(
            Size(batch_shape), self.event_shape, validate_args=False
        )
        new._validate_args = self._validate_args
        return new

    @property
    def mean(self) -> Tensor:
        """The origin."""
        return torch.zeros_like(self.origin)

    @property
    def variance(self) -> Tensor:
        """``1 / d`` for each coordinate."""
        return torch.full_like(self.origin, 1 / self.event_shape[0])

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws points; there are no parameters to carry gradients to."""
        return _directions(self._extended_shape(Size(sample_shape)), self.origin)

    def log_prob(self, value: Tensor) -> Tensor:
        """Minus the logarithm of the sphere's area."""
        if self._validate_args:
            self._validate_sample(value)
        shape = torch.broadcast_shapes(value.shape, self.batch_shape + self.event_shape)[:-1]
        return value.new_full(shape, -_log_area(self.event_shape[0]))

    def entropy(self) -> Tensor:
        """The logarithm of the sphere's area."""
        return self.origin.new_full(self.batch_shape, _log_area(self.event_shape[0]))


class PowerSpherical(TorchDistribution):
    r"""The power spherical distribution on the unit sphere :math:`S^{d-1}`.

    .. math:: p(z) = \frac{(1 + \mu^\top z)^\kappa}{N(\kappa, d)}, \quad
        N(\kappa, d) = 2^{\alpha + \beta} \pi^{\beta} \,
        \frac{\Gamma(\alpha)}{\Gamma(\alpha + \beta)}, \quad
        \alpha = \beta + \kappa, \; \beta = \frac{d - 1}{2}

    A draw has :math:`\mu^\top z = 2 b - 1` with :math:`b \sim \mathrm{Beta}(\alpha, \beta)` and a
    uniform direction around :math:`\mu`. There is no rejection, hence the gradient is unbiased in
    every dimension. (The gradient of the beta draw is PyTorch's, with a relative error of up to
    :math:`2 \cdot 10^{-3}`. From :math:`\kappa = 100 \max(1, \beta)` on it is that of Wise's
    approximation, :math:`-(N + \kappa) \log b \sim \mathrm{Gamma}(\beta)` with a constant N, with
    an error below :math:`10^{-4}`.)

    Density, entropy and KL divergence are accurate in single precision for concentrations from
    1e-8 to 1e8; beyond that, draws can no longer be distinguished from :math:`\mu`.

    De Cao and Aziz, 2020, The power spherical distribution, https://arxiv.org/abs/2006.04437.

    Args:
        loc: Mean direction :math:`\mu`, unit vectors ``(*batch, d)``.
        concentration: Concentration :math:`\kappa > 0`, ``(*batch,)``.

    Raises:
        ValueError: If ``d`` is less than 2.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "loc": constraints.sphere,
        "concentration": constraints.positive,
    }
    support = constraints.sphere
    has_rsample = True

    def __init__(
        self, loc: Tensor, concentration: Tensor, validate_args: bool | None = None
    ) -> None:
        _check_dim(loc.shape[-1], "PowerSpherical")
        batch = torch.broadcast_shapes(loc.shape[:-1], concentration.shape)
        self.loc = loc.expand(batch + loc.shape[-1:])
        self.concentration = concentration.expand(batch)
        super().__init__(batch, loc.shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution with another batch shape."""
        new: Self = self._get_checked_instance(PowerSpherical, _instance)
        new.loc = self.loc.expand(Size(batch_shape) + self.event_shape)
        new.concentration = self.concentration.expand(Size(batch_shape))
        super(PowerSpherical, new).__init__(
            Size(batch_shape), self.event_shape, validate_args=False
        )
        new._validate_args = self._validate_args
        return new

    @property
    def _alpha_beta(self) -> tuple[Tensor, float]:
        beta = 0.5 * (self.event_shape[0] - 1)
        return beta + self.concentration, beta

    @property
    def mean(self) -> Tensor:
        r"""The mean vector, :math:`\mu (\alpha - \beta) / (\alpha + \beta)`, inside the sphere."""
        _, beta = self._alpha_beta
        return self.loc * (self.concentration / (self.concentration + 2 * beta)).unsqueeze(-1)

    @property
    def variance(self) -> Tensor:
        """The variance of each coordinate."""
        alpha, beta = self._alpha_beta
        total = alpha + beta
        along = 4 * (alpha / total) * (beta / total) / (total + 1)
        # E[sin^2] of the angle from the mean direction, shared between the other directions.
        around = 4 * (alpha / total) * (beta / (total + 1)) / (2 * beta)
        square = self.loc.square()
        return square * along.unsqueeze(-1) + (1 - square) * around.unsqueeze(-1)

    @property
    def mode(self) -> Tensor:
        """The mean direction."""
        return self.loc

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that carry gradients."""
        shape = self._extended_shape(Size(sample_shape))
        b, rest = (x.to(self.loc.dtype) for x in self._draw_pair(Size(sample_shape)))
        along = (b - rest).unsqueeze(-1)
        tiny = torch.finfo(b.dtype).tiny
        across = 2 * (b * rest).clamp(min=tiny).sqrt().unsqueeze(-1)
        around = _directions(Size([*shape[:-1], shape[-1] - 1]), self.loc)
        y = torch.cat([along, across * around], dim=-1)
        # A reflection takes the first axis to the mean direction. Two do so up to a sign; the one
        # whose mirror is far from degenerate is used.
        first = self.loc[..., :1]
        sign = torch.where(first < 0, 1.0, -1.0).to(self.loc.dtype)
        mirror = normalize(torch.cat([sign - first, -self.loc[..., 1:]], dim=-1), dim=-1)
        reflected = y - 2 * (y * mirror).sum(-1, keepdim=True) * mirror
        return normalize(sign * reflected, dim=-1)

    def _draw_pair(self, sample_shape: Size) -> tuple[Tensor, Tensor]:
        """Draws b and 1 - b, each to full precision, with gradients."""
        alpha, beta = self._alpha_beta
        alpha = widest(alpha)
        large = alpha > beta + 100 * max(1.0, beta)
        # A Dirichlet returns both. For large concentrations, 1 - b computed from b would be zero
        # and the gradient of the square root infinite. The Dirichlet's own gradient there is NaN
        # in float32.
        pair = torch.stack(
            [torch.where(large, alpha.detach(), alpha), torch.full_like(alpha, beta)], dim=-1
        )
        b, rest = dist.Dirichlet(pair, validate_args=False).rsample(sample_shape).unbind(-1)
        # The same draws as a function of the concentration by Wise's approximation: -log b falls
        # as 1 / n.
        n = torch.where(large, alpha, 1.0) + 0.5 * (beta - 1)
        fall = torch.log1p(-torch.where(large, rest, 0.5).detach()) * (n.detach() / n)
        return torch.where(large, fall.exp(), b), torch.where(large, -torch.expm1(fall), rest)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density with respect to the sphere's surface."""
        if self._validate_args:
            self._validate_sample(value)
        # (1 + cos) / 2 from squared distances, which is exact where the cosine is nearly 1 or -1.
        to, fro = (value - self.loc).square().sum(-1), (value + self.loc).square().sum(-1)
        near = to < fro
        tiny = torch.finfo(to.dtype).tiny
        log_share = torch.where(
            near,
            torch.log1p(-0.25 * torch.where(near, to, 0.0)),
            (0.25 * torch.where(near, 1.0, fro)).clamp(min=tiny).log(),
        )
        return self.concentration * log_share - self._log_constant()

    def _log_constant(self) -> Tensor:
        r"""The logarithm of :math:`N(\kappa, d) / 2^\kappa`."""
        alpha, beta = self._alpha_beta
        return beta * math.log(4 * math.pi) - lgamma_difference(alpha, beta)

    def entropy(self) -> Tensor:
        """The differential entropy with respect to the sphere's surface."""
        alpha, beta = self._alpha_beta
        return self._log_constant() + self.concentration * digamma_difference(alpha, beta)


@register_kl(PowerSpherical, SphereUniform)
def _kl_power_spherical_uniform(q: PowerSpherical, p: SphereUniform) -> Tensor:
    return p.entropy() - q.entropy()


@register_kl(SphereUniform, SphereUniform)
def _kl_uniform_uniform(q: SphereUniform, p: SphereUniform) -> Tensor:
    return p.entropy() - q.entropy()
