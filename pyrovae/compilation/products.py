"""Which library multiplies matrices, for compiled programs on the CPU."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from pyrovae.compilation.fastest import fastest

__all__ = ["PRODUCTS"]

# Multiplications of a product: one below takes microseconds, whoever does it.
SMALL = 100_000
# From here on oneDNN is the one to beat, for activations times weights; of a smaller product, what
# it does around it takes longer.
LARGE = 2_000_000

# An operation of its own, since inductor takes torch's for constant weights alone.
torch.library.define("pyrovae::linear", "(Tensor x, Tensor weight, Tensor? bias) -> Tensor")


@torch.library.impl("pyrovae::linear", "CPU")
def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


@torch.library.register_fake("pyrovae::linear")
def _like_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0])


def _by_one_dnn(bias: Tensor | None, a: Tensor, b: Tensor) -> Tensor:
    return torch.ops.pyrovae.linear(a, b.t(), bias)


def _by_torch(bias: Tensor | None, a: Tensor, b: Tensor) -> Tensor:
    return torch.mm(a, b) if bias is None else torch.addmm(bias, a, b)


def _one_dnn_is_faster(bias: Tensor | None, a: Tensor, b: Tensor) -> bool:
    """Whether it is, on this machine, for a product of these sizes and strides."""
    size = a.shape[0] * a.shape[1] * b.shape[1]
    plain = a.dtype == b.dtype == torch.float32 and a.device.type == "cpu"
    both = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    if not (both and plain and size >= SMALL):
        return False
    case = f"{a.shape[0]} x {a.shape[1]} x {b.shape[1]}, strides {a.stride()} {b.stride()}"
    case += "" if bias is None else ", and a bias"
    # By itself MKL is for gradients of weights, whose left factor is a batch of columns.
    otherwise = "oneDNN" if size >= LARGE and a.is_contiguous() else "torch"
    with _disable_current_modes(), torch.no_grad():  # the program is only being traced
        given = None if bias is None else _ones(bias), _ones(a), _ones(b)
        ways = {"torch": partial(_by_torch, *given), "oneDNN": partial(_by_one_dnn, *given)}
        return fastest(f"product {case}", ways, otherwise=otherwise) == "oneDNN"


def _ones(like: Tensor) -> Tensor:
    return torch.empty_strided(like.shape, like.stride()).fill_(1.0)


def _mm(a: Tensor, b: Tensor) -> Any:
    return _by_one_dnn(None, a, b) if _one_dnn_is_faster(None, a, b) else NotImplemented


def _addmm(bias: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    whole = beta == alpha == 1 and bias.dim() == 1
    if whole and _one_dnn_is_faster(bias, a, b):
        return _by_one_dnn(bias, a, b)
    return NotImplemented


# For ``make_fx``; an operation whose function gives NotImplemented is left as it is. In float32
# torch's own products call MKL.
PRODUCTS: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.mm.default: _mm,
    torch.ops.aten.addmm.default: _addmm,
}
