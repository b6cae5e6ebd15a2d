"""Balls around points that reach to their k-th nearest neighbour."""

import torch
from torch import Tensor

from pyrovae.checks import check_count
from pyrovae.sample_quality.estimate import GROUPS
from pyrovae.sample_quality.features import Features, check_pair

__all__ = ["Distances"]

AT_ONCE = 1000  # rows


class Distances:
    """The distances among real data, among samples, and between the two.

    Args:
        real: Features of the real data.
        generated: Features of the samples.
        neighbours: The k of the balls.

    Raises:
        ValueError: If the features do not compare, or there are too few of them.
    """

    def __init__(self, real: Features, generated: Features, neighbours: int) -> None:
        check_pair(real, generated)
        check_count("neighbours", neighbours)
        # Errors are from tenths, in each of which a datum has to have k others.
        least = GROUPS * (neighbours + 2)
        for what, features in (("real", real), ("generated", generated)):
            if len(features) < least:
                raise ValueError(
                    f"{what}: expected at least {least} data for {neighbours} neighbours, "
                    f"got {len(features)}"
                )
        self.neighbours = neighbours
        self.real = _distances(real.values, real.values)
        self.generated = _distances(generated.values, generated.values)
        #: Rows are real data, columns samples.
        self.across = _distances(real.values, generated.values)

    def radii(self, distances: Tensor, index: Tensor) -> Tensor:
        """How far each of some points is from its k-th nearest among them, itself left out."""
        among = distances[index][:, index]
        return among.kthvalue(self.neighbours + 1, dim=1).values


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Distances of the rows of two matrices, from their differences and so exact near zero."""
    mode = "donot_use_mm_for_euclid_dist"
    return torch.cat([torch.cdist(part, b, compute_mode=mode) for part in a.split(AT_ONCE)])
