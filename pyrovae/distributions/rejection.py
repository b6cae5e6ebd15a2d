"""Rejection sampling that can be traced: fixed numbers of proposals, and implicit gradients."""

import numpy as np
import torch
from torch import Tensor

__all__ = ["PROPOSALS", "first_accepted", "follow", "quadrature"]

#: If one in two proposals is accepted, all are rejected once in 3e14 draws.
PROPOSALS = 48
NODES = 64


def first_accepted(proposals: Tensor, accepted: Tensor) -> Tensor:
    """Selects the first accepted proposal of each row, ``(*shape, PROPOSALS)`` to ``(*shape,)``.

    The number of proposals is fixed, so no control flow depends on a draw. If none is accepted,
    the first one is returned.
    """
    index = accepted.to(torch.uint8).argmax(-1, keepdim=True)
    return proposals.gather(-1, index).squeeze(-1)


def follow(draw: Tensor, parameter: Tensor, slope: Tensor) -> Tensor:
    r"""Adds an implicit gradient to a draw, so that it moves with its parameter.

    Args:
        draw: The draw z, without gradient.
        parameter: The parameter :math:`\theta` of its distribution.
        slope: :math:`dz / d\theta = -\frac{\partial F / \partial \theta}{p}` with the cumulative
            distribution function F and the density p at the draw, without gradient.

    Figurnov, Mohamed and Mnih, 2018, Implicit reparameterization gradients,
    https://arxiv.org/abs/1805.08498.
    """
    return draw.detach() + (parameter - parameter.detach()) * slope.detach()


def quadrature(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes and weights of Gauss-Legendre quadrature between bounds: ``(*shape, NODES)`` each."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = (0.5 * (high - low)).unsqueeze(-1)
    middle = (0.5 * (high + low)).unsqueeze(-1)
    return middle + half * half.new_tensor(nodes), half * half.new_tensor(weights)
