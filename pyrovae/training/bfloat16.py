"""Matrix products in bfloat16, and everything else in its own precision."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["BFloat16Products"]

aten = torch.ops.aten
PRODUCTS = {
    aten.mm.default,
    aten.addmm.default,
    aten.bmm.default,
    aten.baddbmm.default,
    aten.convolution.default,
    aten.convolution_backward.default,
}


class BFloat16Products(TorchDispatchMode):
    """Rounds the factors of each matrix product and convolution in a block to bfloat16.

    The products are computed in bfloat16 and converted back to float32, in the forward and the
    backward pass, so log-probabilities, sums over data and the weights stay in float32.
    ``torch.autocast`` would leave activations and some log-probabilities in bfloat16. The mode
    acts below autograd, so a traced program contains it too.
    """

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func not in PRODUCTS:
            return func(*args, **kwargs)
        product = func(*(_cast(a, torch.float32, torch.bfloat16) for a in args), **kwargs)
        if isinstance(product, tuple):
            return tuple(_cast(value, torch.bfloat16, torch.float32) for value in product)
        return _cast(product, torch.bfloat16, torch.float32)


def _cast(value: Any, source: torch.dtype, target: torch.dtype) -> Any:
    return value.to(target) if isinstance(value, Tensor) and value.dtype == source else value
