"""What training, evaluation and the rest take: a model program, its guide and their parameters."""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from torch import nn

__all__ = ["Program"]


@runtime_checkable
class Program(Protocol):
    """A Pyro program p(z) p(x|z), its guide q(z|x), and what is trained of both.

    A `VAE` is one, and so is any ``nn.Module`` with these two methods. Model and guide take the
    tensors of a batch, x first.
    """

    def model(self, *batch: Any) -> Any:
        """Runs the generative model with the batch observed."""

    def guide(self, *batch: Any) -> Any:
        """Runs the guide, whose sites bear the names of the model's latents."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters of both."""
