"""Steps that are left out because their gradient is too large."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["Skips"]


class Skips(nn.Module):
    """Says of each step whether its gradient is too large to be taken, and counts those that are.

    A module, whose buffers a compiled step reads and moves as it does a model's.

    Child, 2021, https://arxiv.org/abs/2011.10650 (section 4).

    Args:
        largest: Norm of the gradient, before it is clipped, above which nothing moves.

    Attributes:
        count: How many steps were left out, 0-dim.
        over: 1 if the last one was, else 0, 0-dim.

    Raises:
        ValueError: If ``largest`` is not positive.
    """

    def __init__(self, largest: float) -> None:
        super().__init__()
        if not (isinstance(largest, float | int) and largest > 0):
            raise ValueError(f"skip_norm: expected a positive number, got {largest!r}")
        self.largest = largest
        self.count: Tensor
        self.over: Tensor
        for name in ("count", "over"):
            self.register_buffer(name, torch.zeros(()))

    @torch.no_grad()
    def look(self, gradients: Iterable[Tensor]) -> None:
        """Looks at the gradients of a step."""
        squares = torch.stack([gradient.square().sum() for gradient in gradients])
        over = (squares.sum().sqrt() > self.largest).to(self.over.dtype)
        self.over.copy_(over)
        self.count.add_(over)

    def of(self, loss: Tensor) -> Tensor:
        """The loss, or NaN, at which nothing moves, where the step is left out."""
        return torch.where(self.over > 0, torch.nan, loss)
