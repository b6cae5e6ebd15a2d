"""Softplus in terms of cheaper operations, for compiled programs."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["DECOMPOSITIONS"]

TERMS = 8  # of the series below; what is left out is under 2e-9 of the sum


def softplus(x: Tensor) -> Tensor:
    r"""log(1 + e^x) in single precision, to a few roundings, for small results too.

    :math:`\max(x, 0) + \log(1 + u)` with :math:`u = e^{-|x|} \le 1`, and
    :math:`\log(1 + u) = 2 \operatorname{artanh} s` with :math:`s = u / (2 + u) \le 1/3`, whose
    powers fall off fast. The ``log1p`` for arguments of any size, which is what a compiler calls
    for it, takes longer; and softplus, in the log-probabilities of pixels, in
    scales and activations, is most of what a VAE calculates beside matrix products.
    """
    u = (-x.abs()).exp()
    s = u / (2 + u)
    square = s * s
    series = torch.full_like(s, 2 / (2 * TERMS - 1))
    for k in range(TERMS - 2, -1, -1):
        series = series * square + 2 / (2 * k + 1)
    return x.clamp(min=0) + s * series


def _softplus(x: Tensor, beta: float = 1, threshold: float = 20) -> Any:
    if x.dtype != torch.float32 or beta != 1 or threshold < 20:
        return NotImplemented
    return softplus(x)


def _binary_cross_entropy(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: int = 1,
) -> Any:
    plain = weight is None and pos_weight is None and reduction == 0
    if x.dtype != torch.float32 or not plain:
        return NotImplemented
    return (1 - target) * x + softplus(-x)


# For ``make_fx``; an operation whose function gives NotImplemented is left as it is.
DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.softplus.default: _softplus,
    torch.ops.aten.binary_cross_entropy_with_logits.default: _binary_cross_entropy,
}
