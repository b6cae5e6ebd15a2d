"""Batch normalisation that accepts a batch of one datum."""

from torch import Tensor, nn
from torch.nn.functional import batch_norm
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


class _BearsOne(_BatchNorm):
    """PyTorch's layer, except that a single value per channel is normalised by running moments.

    The last batch of an epoch may have one datum. It has no variance, and PyTorch's layers refuse
    it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalises ``(n, channels, ...)`` over all but the channels."""
        if x.shape[0] * x.shape[2:].numel() > 1:
            return super().forward(x)
        return batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class BatchNorm1d(_BearsOne, nn.BatchNorm1d):
    """Batch normalisation of features ``(n, channels)`` or signals ``(n, channels, length)``."""


class BatchNorm2d(_BearsOne, nn.BatchNorm2d):
    """Batch normalisation of images ``(n, channels, height, width)``."""


class BatchNorm3d(_BearsOne, nn.BatchNorm3d):
    """Batch normalisation of volumes ``(n, channels, depth, height, width)``."""
