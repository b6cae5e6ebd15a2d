"""Constant means and standard deviations of a part, in the precision of its densities."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

__all__ = ["Moments"]


class Moments(nn.Module):
    """Constants of a part, which follow its device but keep their precision in any dtype.

    They are not in the state dict, since the arguments of the part define them.

    Args:
        loc: Means.
        scale: Standard deviations, one for each mean.
    """

    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Sequence[float], scale: Sequence[float]) -> None:
        super().__init__()
        self.values = {"loc": tuple(loc), "scale": tuple(scale)}
        for name, values in self.values.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        for name, values in self.values.items():
            moved: Any = getattr(self, name)
            dtype = torch.promote_types(moved.dtype, torch.float32)
            setattr(self, name, torch.tensor(values, dtype=dtype, device=moved.device))
        return self

    def extra_repr(self) -> str:
        """The number of constants."""
        return f"{len(self.values['loc'])}"
