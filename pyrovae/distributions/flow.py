"""Normalizing flows: transforms that Pyro lacks or has wrong, and a distribution for them."""

from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.distributions.transforms import AffineAutoregressive
from pyro.distributions.transforms.householder import ConditionedHouseholder
from pyro.distributions.transforms.utils import clamp_preserve_gradients
from torch import Tensor
from torch.distributions.transforms import Transform
from torch.nn.functional import softplus

__all__ = ["Affine", "Flow", "Planar", "Reflections", "Sylvester", "triangular"]

# The smallest length by which a vector is divided.
SHORTEST = 1e-12
# How far, in units of its scale, the noise of a value may be from that of the adjacent number.
SHARP = 0.01

# A flow's transforms are created for each distribution: they cache their last draw together with
# its autograd graph, and a module that kept them could not be copied, nor free the graph.


class Flow(dist.TransformedDistribution):
    """A normal base distribution pushed through transforms, with a mean if all are linear.

    Attributes:
        density_everywhere: Whether `log_prob` works for any value. If a transform has no inverse,
            it works only for the distribution's own last draw.
    """

    @property
    def density_everywhere(self) -> bool:
        """Whether the density can be computed for any value, or only for the own last draw."""
        return not any(isinstance(transform, _OneWay) for transform in self.transforms)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density, computed from the noise of the last draw, or else by the inverse.

        With autoregressive transforms it is NaN where the precision of a value does not determine
        its noise, that is, if the adjacent floating-point number comes from a noise that differs
        by more than a hundredth of its scale.
        """
        invert = any(isinstance(transform, Affine) for transform in self.transforms)
        if not invert or self.transforms[-1]._cached_x_y[1] is value:
            return super().log_prob(value)
        with torch.no_grad():
            known = self._is_sharp(value)
        return torch.where(known, super().log_prob(value), torch.nan)

    def _is_sharp(self, value: Tensor) -> Tensor:
        """Whether a value determines the noise it comes from, tested on neighbouring numbers."""
        eps, ones = torch.finfo(value.dtype).eps, torch.ones_like(value)
        alternating = ones.cumsum(-1) % 2 * 2 - 1
        noise = torch.stack([value, value * (1 + eps * ones), value * (1 + eps * alternating)])
        for transform in reversed(self.transforms):
            noise = transform._inverse(noise)
        moved = (noise[1:] - noise[0]).abs().amax(0)
        known: Tensor = (moved < SHARP * self.base_dist.stddev).all(-1)
        return known

    @property
    def mean(self) -> Tensor:
        """The mean of a linear flow.

        Raises:
            NotImplementedError: If a transform is not linear.
        """
        value = self.base_dist.mean
        for transform in self.transforms:
            if not isinstance(transform, Reflections):
                raise NotImplementedError(f"{type(transform).__name__}: no mean in closed form")
            # Calling the transform itself would overwrite its cached last draw.
            value = transform._call(value)
        return value


class _OneWay(Transform):
    """A transform without an inverse: it can only return the input of its last call."""

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(
            f"a {type(self).__name__.lower()} flow has no inverse: its density is known only for "
            "the last draw of the distribution itself, not for any other value"
        )


class Reflections(ConditionedHouseholder):
    """Pyro's Householder reflections, one after the other, with vectors ``(*batch, count, d)``.

    A zero vector has no direction and reflects nothing.
    """

    def u(self) -> Tensor:
        """The vectors, scaled to length one."""
        norm = torch.linalg.vector_norm(self.u_unnormed, dim=-1, keepdim=True)
        return self.u_unnormed / norm.clamp(min=SHORTEST)


class Planar(_OneWay):
    r"""The planar transform with given parameters.

    .. math:: z' = z + \hat u \tanh(w^\top z + b), \quad
        \log \lvert \det \rvert = \log \left(1 + \tanh'(\cdot) \, w^\top \hat u\right)

    with :math:`\hat u = u + (a - w^\top u) w / \lVert w \rVert^2`, so that :math:`w^\top \hat u =
    a = \log(1 + e^{w^\top u}) - 1 > -1` and the transform is invertible. Unlike Pyro's transform,
    this one computes the determinant from a, which would be lost in a product of long vectors, and
    keeps a at or above :math:`10^{-6} - 1`.

    Args:
        bias: The bias :math:`b`, ``(*batch, 1)``.
        u: The vectors :math:`u`, ``(*batch, d)``.
        w: The vectors :math:`w`, ``(*batch, d)``.
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, bias: Tensor, u: Tensor, w: Tensor) -> None:
        super().__init__(cache_size=1)
        self.bias, self.u, self.w = bias, u, w
        self._log_det: Any = None

    def _call(self, x: Tensor) -> Tensor:
        along = (self.u * self.w).sum(-1, keepdim=True)
        wanted = softplus(along).clamp(min=1e-6) - 1
        square = self.w.square().sum(-1, keepdim=True)
        # If w is zero and so has no direction, u stays as it is.
        share = self.w / square.clamp(min=SHORTEST)
        act = torch.tanh((self.w * x).sum(-1, keepdim=True) + self.bias)
        reached = along + (wanted - along) * (square / square.clamp(min=SHORTEST))
        self._log_det = torch.log1p((1 - act.square()) * reached).squeeze(-1)
        return x + (self.u + (wanted - along) * share) * act

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the determinant, cached from the last call if it was for this input."""
        x_old, y_old = self._cached_x_y
        if x is not x_old or y is not y_old:
            self(x)
        return self._log_det


class Affine(AffineAutoregressive):
    """Pyro's affine autoregressive transform, with an inverse for any dtype.

    The inverse of Pyro's starts from zeros in float32, so that a network in float64 fails.
    """

    def _inverse(self, y: Tensor) -> Tensor:
        x = torch.zeros_like(y)
        # Each pass completes one more variable: the k-th in order depends on the first k - 1.
        for _ in range(y.shape[-1]):
            mean, log_scale = self.arn(x)
            log_scale = clamp_preserve_gradients(
                log_scale, self.log_scale_min_clip, self.log_scale_max_clip
            )
            x = (y - mean) * (-log_scale).exp()
        self._cached_log_scale = log_scale
        return x


class Sylvester(_OneWay):
    r"""The Sylvester transform with given parameters.

    .. math:: z' = z + Q R \tanh(S Q^\top z + b), \quad
        \log \lvert \det \rvert = \sum_i \log \left(1 + \tanh'(\cdot)_i R_{ii} S_{ii}\right)

    with :math:`Q` orthogonal, a product of Householder reflections, and :math:`R`, :math:`S` upper
    triangular. It is invertible if all :math:`R_{ii} S_{ii} > -1`. (In Pyro 1.9.2, the transform
    of that name returns a determinant that is not that of its Jacobian, because it multiplies rows
    by matrices that are meant for columns.)

    Args:
        vectors: The reflections' vectors, ``(*batch, count, d)``.
        R: Upper triangular matrices, ``(*batch, d, d)``.
        S: Upper triangular matrices, ``(*batch, d, d)``.
        bias: The bias :math:`b`, ``(*batch, d)``.
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, vectors: Tensor, R: Tensor, S: Tensor, bias: Tensor) -> None:
        super().__init__(cache_size=1)
        self.reflections = Reflections(vectors)
        self.R, self.S, self.bias = R, S, bias
        self._log_det: Any = None

    def _call(self, x: Tensor) -> Tensor:
        rotated = self.reflections._inverse(x)  # Q^T x
        h = torch.tanh((self.S @ rotated.unsqueeze(-1)).squeeze(-1) + self.bias)
        step = (self.R @ h.unsqueeze(-1)).squeeze(-1)
        diagonal = self.R.diagonal(dim1=-2, dim2=-1) * self.S.diagonal(dim1=-2, dim2=-1)
        self._log_det = torch.log1p((1 - h.square()) * diagonal).sum(-1)
        return x + self.reflections._call(step)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of the determinant, cached from the last call if it was for this input."""
        x_old, y_old = self._cached_x_y
        if x is not x_old or y is not y_old:
            self(x)
        return self._log_det


def triangular(entries: Tensor, features: int) -> Tensor:
    """Builds lower triangular matrices from their entries, row by row.

    Args:
        entries: The entries, ``(*batch, features * (features + 1) / 2)``.
        features: Number of rows.
    """
    rows, columns = torch.tril_indices(features, features, device=entries.device)
    matrix = entries.new_zeros(*entries.shape[:-1], features, features)
    matrix[..., rows, columns] = entries
    return matrix
