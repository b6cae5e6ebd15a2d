"""Normalizing flows: transforms that Pyro lacks or has wrong, and a distribution for them."""

from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.distributions.transforms import AffineAutoregressive
from pyro.distributions.transforms.householder import ConditionedHouseholder
from pyro.distributions.transforms.planar import ConditionedPlanar
from pyro.distributions.transforms.utils import clamp_preserve_gradients
from torch import Tensor
from torch.distributions.transforms import Transform

__all__ = ["Affine", "Flow", "Planar", "Reflections", "Sylvester", "triangular"]

# A flow's transforms are made anew for each distribution: they remember their last draw, with the
# gradient's graph, and a module that kept them could neither be copied nor forget.


class Flow(dist.TransformedDistribution):
    """A normal base pushed through transforms, with its mean where all of these are linear.

    Attributes:
        density_everywhere: Whether `log_prob` works for any value. Where a transform has no
            inverse, it works only for the last draw of the distribution itself.
    """

    @property
    def density_everywhere(self) -> bool:
        """Whether the density is known for any value, or only for the flow's own last draw."""
        return not any(isinstance(transform, _OneWay) for transform in self.transforms)

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
            # Not through the transform's call, which would forget the last draw.
            value = transform._call(value)
        return value


class _OneWay(Transform):
    """A transform without an inverse: it goes back only to what it came from."""

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(
            f"a {type(self).__name__.lower()} flow has no inverse: its density is known only for "
            "the last draw of the distribution itself, not for any other value"
        )


class Reflections(ConditionedHouseholder):
    """Pyro's Householder reflections, one after the other; vectors ``(*batch, count, d)``."""


class Planar(_OneWay, ConditionedPlanar):
    r"""Pyro's planar transform, :math:`z + u \tanh(w^\top z + b)`, with given parameters.

    Asked for the inverse, it says that there is none.

    Args:
        parameters: The bias ``(*batch, 1)``, and :math:`u` and :math:`w`, ``(*batch, d)``.
    """

    def __init__(self, parameters: tuple[Tensor, Tensor, Tensor]) -> None:
        ConditionedPlanar.__init__(self, parameters)


class Affine(AffineAutoregressive):
    """Pyro's affine autoregressive transform, with an inverse of any dtype.

    Pyro's begins from float32 zeros, so that a network in float64 fails.
    """

    def _inverse(self, y: Tensor) -> Tensor:
        x = torch.zeros_like(y)
        # Each pass sets one more variable right: the k-th in order depends on the first k - 1.
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

    with :math:`Q` orthogonal, a product of Householder reflections, and :math:`R`, :math:`S`
    upper triangular. It is invertible where all :math:`R_{ii} S_{ii} > -1`. (The transform of
    that name in Pyro 1.9.2 reports another determinant than its Jacobian's, because it multiplies
    rows by matrices that are meant for columns.)

    Args:
        vectors: The reflections' vectors, ``(*batch, count, d)``.
        R: Upper triangular, ``(*batch, d, d)``.
        S: Likewise.
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
        """The logarithm of the determinant, from the last call where it was this one."""
        x_old, y_old = self._cached_x_y
        if x is not x_old or y is not y_old:
            self(x)
        return self._log_det


def triangular(entries: Tensor, features: int) -> Tensor:
    """Lower triangular matrices from their entries, row by row.

    Args:
        entries: ``(*batch, features * (features + 1) / 2)``.
        features: Number of rows.
    """
    rows, columns = torch.tril_indices(features, features, device=entries.device)
    matrix = entries.new_zeros(*entries.shape[:-1], features, features)
    matrix[..., rows, columns] = entries
    return matrix
