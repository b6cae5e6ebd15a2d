"""A function of a module, so that all tensors of both can be swapped by name."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from pyrovae.compilation.comparison import Batch

__all__ = ["Called", "Function"]

Function = Callable[[Sequence[Tensor], Batch], Sequence[Tensor | None]]


class Called(nn.Module):
    """A function as the forward pass of a module, which holds the function's own module.

    Args:
        module: The module whose tensors the function reads.
        function: The function, which may be a module, too.
    """

    def __init__(self, module: nn.Module, function: Function) -> None:
        super().__init__()
        self.module = module
        self.function = function

    def forward(self, leaves: Sequence[Tensor], batch: Batch) -> Sequence[Tensor | None]:
        """Calls the function."""
        return self.function(leaves, batch)

    def slots(self) -> dict[str, str]:
        """Where parameters are, and the first name of each.

        A parameter may be in several modules, and a module in several places. (Torch's own
        handling of tied weights does not put back those of a module with two names.)
        """
        first = {id(parameter): name for name, parameter in self.named_parameters()}
        return {
            f"{prefix}.{name}": first[id(parameter)]
            for prefix, owner in self.named_modules()
            for name, parameter in owner._parameters.items()
            if parameter is not None
        }

    def places(self) -> dict[str, tuple[dict[str, Any], str]]:
        """Where buffers are, and not what they are: a module may put another tensor there."""
        return {
            f"{prefix}.{name}": (owner._buffers, name)
            for prefix, owner in self.named_modules()
            for name, buffer in owner._buffers.items()
            if buffer is not None
        }
