"""A bound that compares the aggregate posterior with the prior along random directions."""

import torch
from torch import Tensor

from pyrovae.checks import check_count
from pyrovae.objectives.distance import DistanceObjective
from pyrovae.objectives.weights import Weight
from pyrovae.ranks import sum_over_ranks

__all__ = ["SlicedWassersteinELBO", "sliced_wasserstein"]


class SlicedWassersteinELBO(DistanceObjective):
    r"""Reconstruction minus the sliced Wasserstein distance of aggregate posterior and prior.

    .. math:: E_q[\log p(x \mid z)] - \kappa \, KL\left(q(z \mid x) \,\Vert\, p(z)\right)
        - \lambda \, \text{SW}_2^2\left(q(z), p(z)\right)

    where :math:`q(z)` is the aggregate posterior, represented by one draw for each datum of the
    batch and compared with as many draws of the model's prior. In one dimension, the optimal
    transport between two sets of B draws matches their i-th smallest values. So along each of L
    directions :math:`\theta_l`, drawn uniformly from the unit sphere, sorting gives it exactly:

    .. math:: \frac{1}{L B} \sum_{l=1}^{L} \sum_{i=1}^{B}
        \left((\theta_l^T z)_{(i)} - (\theta_l^T z')_{(i)}\right)^2

    For a finite batch, the distance is positive even if the two distributions are equal. The
    excess shrinks with the size of the batch and is about the same for all encoders. With
    :math:`\kappa = 0` it is the sliced Wasserstein autoencoder, whose objective is not a bound;
    reports give the plain bound. A latent with at most one feature has a single direction, and
    the distance is the Wasserstein distance itself.

    Kolouri, Pope, Martin and Rohde, 2018, Sliced-Wasserstein autoencoder,
    https://arxiv.org/abs/1804.01947.

    Args:
        distance_weight: The weight :math:`\lambda`, at least 0.
        kl_weight: The weight :math:`\kappa`, at least 0.
        projections: Number of directions :math:`L`, drawn anew at each step.
        num_particles: Number of draws for each datum; the distance is averaged over them.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: As for `DistanceObjective`, and if ``projections`` is not positive.
    """

    distance_weight = Weight()

    def __init__(
        self,
        *,
        distance_weight: float = 10.0,
        kl_weight: float = 0.0,
        projections: int = 50,
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        check_count("projections", projections)
        super().__init__(
            kl_weight=kl_weight,
            num_particles=num_particles,
            max_plate_nesting=max_plate_nesting,
        )
        self.distance_weight = distance_weight
        self.projections = projections

    def penalty(self, z: Tensor, prior: Tensor) -> Tensor:
        """Returns the weighted distance between two sets of draws; see `DistanceObjective`."""
        # The sum over ranks of normal vectors is normal too, and the same on all ranks.
        shape = (*z.shape[:-2], z.shape[-1], self.projections)
        directions = sum_over_ranks(torch.randn(shape, dtype=z.dtype, device=z.device))
        found = sliced_wasserstein(z, prior, directions)
        return self.distance_weight.to(found.dtype) * found


def sliced_wasserstein(x: Tensor, y: Tensor, directions: Tensor) -> Tensor:
    """Returns the squared sliced Wasserstein distance of order 2 between two sets of draws.

    Args:
        x: Draws of one distribution, ``(*batch, n, d)``.
        y: Draws of the other, in the same shape.
        directions: Nonzero vectors of any length, ``(*batch, d, l)``.

    Returns:
        The distances, ``(*batch,)``.
    """
    directions = directions / directions.norm(dim=-2, keepdim=True)
    along = [(z @ directions).sort(dim=-2).values for z in (x, y)]
    return (along[0] - along[1]).square().mean((-2, -1))
