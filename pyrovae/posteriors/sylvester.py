"""Sylvester flow posterior."""

from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions.flow import Flow, Sylvester, triangular
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Network, as_size
from pyrovae.posteriors.base import Posterior, latent_features_of
from pyrovae.posteriors.diagonal import diagonal_normal

__all__ = ["SylvesterPosterior"]


class SylvesterPosterior(Posterior):
    r"""A diagonal normal pushed through Sylvester transforms of the Householder variety.

    .. math:: z_k = z_{k-1} + Q_k R_k \tanh(S_k Q_k^\top z_{k-1} + b_k), \quad
        z_0 \sim N(\mu(x), \operatorname{diag} \sigma(x)^2)

    :math:`R_k` and :math:`S_k` are upper triangular, with diagonals in (-1, 1) so that the
    transform is invertible. :math:`Q_k` is a product of reflections. All of them come from the
    network. The inverse is not known in closed form, so the density is only known for the
    distribution's own last draw. A VampPrior cannot use this posterior, and neither can objectives
    that evaluate the density elsewhere.

    Van den Berg, Hasenclever, Tomczak and Welling, 2018, Sylvester normalizing flows for
    variational inference, https://arxiv.org/abs/1803.05649.

    Args:
        network: Maps a datum to ``2 n + transforms * n * (n + 2 + reflections)`` numbers for
            ``n`` latent variables: the means, the scales before they are made positive, then for
            each transform the triangles of R and S, the bias and the reflections' vectors.
        transforms: Number of Sylvester transforms.
        reflections: Number of reflections in each :math:`Q_k`.

    Raises:
        ValueError: If the network's output does not fit.
    """

    latent_kind = "real"
    density_everywhere = False
    mean_known = False

    def __init__(self, network: Network, *, transforms: int = 2, reflections: int = 4) -> None:
        super().__init__()
        as_size(transforms, "transforms")
        as_size(reflections, "reflections")
        n = latent_features_of(
            SylvesterPosterior, network, transforms=transforms, reflections=reflections
        )
        self.data_shape = network.in_shape
        self.latent_shape = Size([n])
        self.network = network
        self.transforms = transforms
        triangle = n * (n + 1) // 2
        self.sizes = [triangle, triangle, n, reflections * n]

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        n = self.latent_shape[0]  # type: ignore[index]
        loc, raw_scale, rest = at_least_single(self.network(x)).tensor_split((n, 2 * n), dim=-1)
        transforms = []
        for numbers in rest.chunk(self.transforms, dim=-1):
            r, s, bias, vectors = numbers.split(self.sizes, dim=-1)
            vectors = vectors.unflatten(-1, (-1, n))
            transforms.append(Sylvester(vectors, _upper(r, n), _upper(s, n), bias))
        base = diagonal_normal(loc, raw_scale)
        return Flow(base, transforms)

    @classmethod
    def network_shape(
        cls, latent_features: int, *, transforms: int = 2, reflections: int = 4, **options: Any
    ) -> Size:
        """A mean and a scale for each latent variable, and the transforms' parameters."""
        each = latent_features * (latent_features + 2 + reflections)
        return Size([2 * latent_features + transforms * each])


def _upper(entries: Tensor, n: int) -> Tensor:
    """Returns an upper triangular matrix with its diagonal in [-0.999, 0.999]."""
    matrix = triangular(entries, n).mT
    # In single precision tanh(9) is 1, which would allow a determinant of zero.
    diagonal = matrix.diagonal(dim1=-2, dim2=-1).tanh().clamp(-0.999, 0.999)
    return matrix.triu(1) + torch.diag_embed(diagonal)
