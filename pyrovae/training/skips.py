"""Skipping steps whose gradient is too large."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["Skips"]


class Skips(nn.Module):
    """Decides for each step whether its gradient is too large to be used, and counts skips.

    It is a module because a compiled step reads and updates its buffers like those of a model.

    Child, 2021, https://arxiv.org/abs/2011.10650 (section 4).

    Args:
        largest: Norm of the gradient, before clipping, above which a step is skipped.

    Attributes:
        count: The number of skipped steps, 0-dim.
        over: 1 if the last step was skipped, else 0, 0-dim.
        norm: Norm of the last step's gradient, 0-dim.

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
        self.norm: Tensor
        for name in ("count", "over", "norm"):
            self.register_buffer(name, torch.zeros(()))

    @torch.no_grad()
    def look(self, gradients: Iterable[Tensor]) -> None:
        """Examines the gradients of a step."""
        squares = torch.stack([gradient.square().sum() for gradient in gradients])
        self.norm.copy_(squares.sum().sqrt())
        over = (self.norm > self.largest).to(self.over.dtype)
        self.over.copy_(over)
        self.count.add_(over)

    def of(self, loss: Tensor) -> Tensor:
        """Returns the loss, or NaN if the step is skipped: a NaN loss moves nothing."""
        return torch.where(self.over > 0, torch.nan, loss)
