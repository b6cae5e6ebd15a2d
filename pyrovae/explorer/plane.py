"""A plane in a latent space, and where data lie in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Plane"]


@dataclass(frozen=True, eq=False)
class Plane:
    """Two directions through a centre.

    Attributes:
        centre: A point of the plane, ``(count,)``.
        directions: Orthonormal, ``(2, count)``.
        points: Where the data lie, ``(N, 2)``.
        share: Which share of the codes' variance the plane holds.
    """

    centre: Tensor
    directions: Tensor
    points: Tensor
    share: float

    @classmethod
    def of(cls, codes: Tensor, axes: Sequence[int] = ()) -> "Plane":
        """The plane of two knobs, or, if none are named, the one with most of the variance.

        Raises:
            ValueError: If there are no two knobs of these numbers.
        """
        count = codes.shape[1]
        if axes and (len(axes) != 2 or any(not 0 <= a < count for a in axes)):
            raise ValueError(f"expected two knobs from 0 to {count - 1}, got {list(axes)}")
        codes = codes.float()
        centre = codes.mean(0)
        if axes or count <= 2:
            chosen = list(axes) if axes else list(range(count))
            centre = torch.zeros(count) if count <= 2 else centre
            directions = torch.eye(count)[chosen]
        else:
            _, _, directions = torch.linalg.svd(codes - centre, full_matrices=False)
            directions = directions[:2]
            # Of two opposite directions the one whose largest part is positive.
            largest = directions.abs().argmax(1, keepdim=True)
            directions = directions * directions.gather(1, largest).sign()
        if len(directions) < 2:  # a single knob: a line
            directions = torch.cat([directions, torch.zeros(2 - len(directions), count)])
        points = (codes - centre) @ directions.T
        total = codes.var(0, correction=0).sum()
        share = float(points.var(0, correction=0).sum() / total) if total > 0 else 1.0
        return cls(centre, directions, points, share)

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "centre": self.centre.tolist(),
            "directions": self.directions.tolist(),
            "points": [[round(a, 4), round(b, 4)] for a, b in self.points.tolist()],
            "share": round(self.share, 4),
        }
