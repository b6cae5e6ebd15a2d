"""Normals with correlated variables, whose density is accurate in single precision."""

import math
from typing import Any

import pyro.distributions as dist
import torch
from torch import Size, Tensor
from torch.distributions import Independent, Normal, register_kl

from pyrovae.distributions.normal import resolution
from pyrovae.distributions.special import widest

__all__ = ["LowRankNormal", "MultivariateNormal", "conditioned_factor"]


def _least_variance(loc: Tensor, rows: Tensor) -> Tensor:
    """The variance that keeps each variable's own noise visible in a draw."""
    # At least what the factorisation can resolve in its own precision.
    share = max(resolution(loc.dtype) ** 2, 16 * torch.finfo(widest(loc).dtype).eps)
    return share * (loc.square() + rows.square().sum(-1)).detach()


def conditioned_factor(loc: Tensor, factor: Tensor) -> Tensor:
    r"""The Cholesky factor of :math:`L L^\top + \operatorname{diag} \delta^2`.

    .. math:: \delta_i^2 = 2^{-32} \left(\mu_i^2 + \sum_j L_{ij}^2\right)

    in single precision.

    A draw :math:`\mu + L \epsilon` is rounded. Solving with an ill-conditioned factor can amplify
    the rounding error without bound, and the density at the draw is then wrong. Independent noise
    of 1.5e-5 of each variable's size, negligible compared with the covariance of an ordinary
    posterior, keeps the effect of the rounding below a hundredth of a standard deviation.

    Args:
        loc: The means, ``(*batch, n)``.
        factor: Lower triangular matrices, ``(*batch, n, n)``.
    """
    wide = widest(factor)
    noise = torch.diag_embed(widest(_least_variance(loc, factor)))
    # Without the check for failure, which would wait for the device: NaN in gives NaN out.
    new, _ = torch.linalg.cholesky_ex(wide @ wide.mT + noise)
    return new.to(factor.dtype)


class MultivariateNormal(dist.MultivariateNormal):
    """A normal with full covariance that is solved in double precision if the device has it."""

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of values."""
        if self._validate_args:
            self._validate_sample(value)
        tril = widest(self._unbroadcasted_scale_tril)
        difference = widest(value - self.loc).unsqueeze(-1)
        noise = torch.linalg.solve_triangular(tril, difference, upper=False).squeeze(-1)
        log_scale = tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constant = 0.5 * self.event_shape[0] * math.log(2 * math.pi)
        log_prob = -0.5 * noise.square().sum(-1) - log_scale - constant
        return log_prob.to(self.loc.dtype)


class LowRankNormal(dist.LowRankMultivariateNormal):
    r"""A normal with covariance :math:`W W^\top + D`, D diagonal, accurate at any size of both.

    .. math:: (x - \mu)^\top \Sigma^{-1} (x - \mu) = (d - W y)^\top D^{-1} (d - W y) + y^\top y,
        \quad d = x - \mu, \; y = (I + W^\top D^{-1} W)^{-1} W^\top D^{-1} d

    This sum of squares is computed in double precision if the device has it. PyTorch's difference
    of two squares is off by whole nats if, say, D is 1e-5 and W is 1. D is raised to at least
    :math:`2^{-32} (\mu_i^2 + \sum_j W_{ij}^2)`, so that draws in single precision still show its
    noise.

    Args:
        loc: The means, ``(*batch, n)``.
        cov_factor: The factor W, ``(*batch, n, rank)``.
        cov_diag: The diagonal D, positive, ``(*batch, n)``.
        validate_args: Whether to check values.
    """

    def __init__(
        self,
        loc: Tensor,
        cov_factor: Tensor,
        cov_diag: Tensor,
        validate_args: bool | None = None,
    ) -> None:
        cov_diag = torch.maximum(cov_diag, _least_variance(loc, cov_factor))
        batch = torch.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc = loc.expand(batch + loc.shape[-1:])
        self.cov_factor = cov_factor.expand(batch + cov_factor.shape[-2:])
        self.cov_diag = cov_diag.expand(batch + cov_diag.shape[-1:])
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        factor, diagonal = widest(cov_factor), widest(cov_diag)
        self._weighed = factor / diagonal.unsqueeze(-1)
        rank = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
        self._capacitance_tril, _ = torch.linalg.cholesky_ex(rank + factor.mT @ self._weighed)
        torch.distributions.Distribution.__init__(
            self, batch, loc.shape[-1:], validate_args=validate_args
        )

    def expand(self, batch_shape: Any, _instance: Any = None) -> "LowRankNormal":
        """The same with another batch shape."""
        new = self._get_checked_instance(LowRankNormal, _instance)
        batch_shape = Size(batch_shape)
        new._weighed = self._weighed
        return super().expand(batch_shape, new)

    def _log_det(self) -> Tensor:
        """The logarithm of the covariance's determinant, in double precision."""
        inner = self._capacitance_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return 2 * inner + widest(self._unbroadcasted_cov_diag).log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of values."""
        if self._validate_args:
            self._validate_sample(value)
        difference = widest(value - self.loc).unsqueeze(-1)
        y = torch.cholesky_solve(self._weighed.mT @ difference, self._capacitance_tril)
        rest = (difference - widest(self._unbroadcasted_cov_factor) @ y).squeeze(-1)
        square = (rest.square() / widest(self._unbroadcasted_cov_diag)).sum(-1)
        square = square + y.square().sum((-1, -2))
        n = self.event_shape[0]
        log_prob = -0.5 * (n * math.log(2 * math.pi) + self._log_det() + square)
        return log_prob.to(self.loc.dtype)

    def entropy(self) -> Tensor:
        """The differential entropy."""
        entropy = 0.5 * (self.event_shape[0] * (1 + math.log(2 * math.pi)) + self._log_det())
        return entropy.to(self.loc.dtype).expand(self.batch_shape)


@register_kl(LowRankNormal, Independent)
def _low_rank_from_diagonal(q: LowRankNormal, p: Independent) -> Tensor:
    base = p.base_dist
    if not isinstance(base, Normal) or p.reinterpreted_batch_ndims != 1:
        raise NotImplementedError
    scale = widest(base.scale)
    ratio = widest(q.variance) / scale.square()
    square = (widest(base.loc - q.loc) / scale).square()
    logs = 2 * scale.log().sum(-1) - q._log_det()
    return (0.5 * ((ratio + square - 1).sum(-1) + logs)).to(q.loc.dtype)
