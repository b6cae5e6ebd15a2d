"""Maps real outputs of a network to positive numbers."""

import math

from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["OFFSET", "positive", "raw_of"]

OFFSET = 1e-6


def positive(raw: Tensor) -> Tensor:
    r"""Maps real numbers to positive ones, :math:`\log(1 + e^{r}) + 10^{-6}`.

    Unlike the exponential, it grows linearly, so one large step of the optimizer does not make a
    scale overflow. The offset keeps a scale from becoming zero in float32.
    """
    return softplus(raw) + OFFSET


def raw_of(value: float) -> float:
    """The real number that `positive` maps to a number above 1e-6."""
    above = value - OFFSET
    return above + math.log(-math.expm1(-above))  # log(e^above - 1), without overflow
