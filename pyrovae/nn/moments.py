"""Means and standard deviations that a part was made with, in the precision of its densities."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

__all__ = ["Moments"]


class Moments(nn.Module):
    """Constants of a part: they follow its device, and keep their digits whatever its type.

    They are no part of the state dict: the part's arguments say them.

    Args:
        loc: Means.
        scale: Standard deviations, as many.
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
        """How many there are."""
        return f"{len(self.values['loc'])}"
