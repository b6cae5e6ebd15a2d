"""Integers one after another."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution
from torch import Size, Tensor
from torch.distributions import Categorical

from pyrovae.distributions.special import normalized

__all__ = ["AutoregressiveCodes"]


class AutoregressiveCodes(TorchDistribution):
    r"""Integers one after another, each with logits from a network that sees those before it.

    .. math:: p(k) = \prod_i \operatorname{softmax}(f(k_1, \dots, k_{i-1}))_{k_i}

    Args:
        network: From integers ``(n, positions)`` to logits ``(n, positions, codes)``, those at a
            position from the integers before it alone.
        event_shape: Shape of one array of integers, in the order in which they come.
        batch_shape: Shape of the batch.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, network: Any, event_shape: Size, batch_shape: Sequence[int] = ()) -> None:
        self.network = network
        super().__init__(Size(batch_shape), event_shape, validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, one position after another."""
        shape = torch.Size(sample_shape) + self.shape()
        with torch.no_grad():
            device = next(self.network.parameters()).device
            k = torch.zeros(shape, dtype=torch.long, device=device).flatten(-self.event_dim)
            k = k.reshape(-1, k.shape[-1])
            for i in range(k.shape[-1]):
                k[:, i] = Categorical(logits=normalized(self.network(k)[:, i])).sample()
            return k.reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The sum over positions, all at once."""
        batch = torch.broadcast_shapes(value.shape[: -self.event_dim], self.batch_shape)
        k = value.reshape(-1, self.event_shape.numel())
        each = Categorical(logits=normalized(self.network(k))).log_prob(k)
        return each.sum(-1).reshape(value.shape[: -self.event_dim]).expand(batch)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "AutoregressiveCodes":
        """The same with another batch shape."""
        return AutoregressiveCodes(self.network, self.event_shape, torch.Size(batch_shape))
