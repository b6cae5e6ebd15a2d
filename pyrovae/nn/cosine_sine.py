"""Angles as points on the unit circle."""

import torch
from torch import Tensor

from pyrovae.nn.network import Network

__all__ = ["CosineSine"]


class CosineSine(Network):
    r"""Maps angles z to points on circles, :math:`(\cos z, \sin z)`, which have no seam.

    Put it before a decoder of angles: ``Chain([CosineSine(d), MLP(2 * d, ...)])``. It has no
    parameters.

    Args:
        features: Number of angles d.
    """

    def __init__(self, features: int) -> None:
        super().__init__(features, 2 * features)

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, d)`` to ``(n, 2 d)``: all cosines, then all sines."""
        return torch.cat([x.cos(), x.sin()], dim=-1)
