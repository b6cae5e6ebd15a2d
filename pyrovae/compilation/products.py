"""Which library multiplies matrices, for compiled programs on the CPU."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

__all__ = ["PRODUCTS"]

# Multiplications of a product; of a smaller one, what oneDNN does around it takes longer.
LARGE = 2_000_000

# An operation of its own, since inductor takes torch's for constant weights alone.
torch.library.define("pyrovae::linear", "(Tensor x, Tensor weight, Tensor? bias) -> Tensor")


@torch.library.impl("pyrovae::linear", "CPU")
def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


@torch.library.register_fake("pyrovae::linear")
def _like_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0])


def _suits(a: Tensor, b: Tensor) -> bool:
    """Whether oneDNN is the faster one: for activations times weights, whole rows on the left.

    MKL is for gradients of weights, whose left factor is a batch of columns.
    """
    large = a.shape[0] * a.shape[1] * b.shape[1] >= LARGE
    plain = a.dtype == b.dtype == torch.float32 and a.device.type == "cpu"
    both = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    return both and plain and large and a.is_contiguous()


def _mm(a: Tensor, b: Tensor) -> Any:
    return torch.ops.pyrovae.linear(a, b.t(), None) if _suits(a, b) else NotImplemented


def _addmm(bias: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    whole = beta == alpha == 1 and bias.dim() == 1
    return torch.ops.pyrovae.linear(a, b.t(), bias) if whole and _suits(a, b) else NotImplemented


# For ``make_fx``; an operation whose function gives NotImplemented is left as it is. In float32
# torch's own products call MKL.
PRODUCTS: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.mm.default: _mm,
    torch.ops.aten.addmm.default: _addmm,
}
