"""Counts on a logarithmic scale, for encoders."""

import torch
from torch import Tensor

from pyrovae.nn.network import Network, Shape

__all__ = ["Log1p"]


class Log1p(Network):
    r"""Counts on a logarithmic scale, :math:`\log(1 + x)`, for the encoder only.

    Put it before the network of a posterior: ``Chain([Log1p(genes), MLP(genes, ...)])``. The
    likelihood still scores the counts themselves, so log p(x) is that of the original data. It has
    no parameters.

    Args:
        in_shape: Shape of one input.
        given: Number of entries at the end of a vector that are not counts and stay as they are,
            such as a condition appended to the data.

    Raises:
        ValueError: If an input with such entries is not a vector, or has no other entries.
    """

    def __init__(self, in_shape: Shape, *, given: int = 0) -> None:
        super().__init__(in_shape, in_shape)
        if given < 0 or (given and (len(self.in_shape) > 1 or given >= self.in_shape[0])):
            raise ValueError(
                "given: expected the number of trailing entries that are not counts, fewer than "
                f"all of {tuple(self.in_shape)}, got {given}"
            )
        self.given = given

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, *in_shape)`` to the same shape."""
        counts = x[:, : x.shape[1] - self.given] if self.given else x
        # Pseudo-inputs may become negative.
        logs = counts.clamp(min=0).log1p()
        return torch.cat([logs, x[:, x.shape[1] - self.given :]], dim=1) if self.given else logs
