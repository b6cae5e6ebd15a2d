"""Modules that update themselves, once in each step of training."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Stepwise", "one_step"]


class Stepwise(nn.Module):
    """A module that collects what it sees in a step of training, and updates itself at the end.

    A step may run the programs more than once (if gradients are accumulated over parts of a batch)
    and on several ranks, and may be discarded because a gradient is not finite. `one_step` marks
    its beginning and end, in `fit` and `CompiledSVI`. In a training loop of your own, each run in
    training mode counts as a step, which ends when the next one begins.

    Attributes:
        in_step: Whether the end of the current step will be marked from outside.
    """

    in_step = False

    @abstractmethod
    def settle(self, finite: Tensor | None = None) -> None:
        """Updates the module with what it has seen since the last time, on all ranks.

        Args:
            finite: Whether the step counts, 0-dim; it counts, if left out.
        """

    @property
    def is_seeing(self) -> bool:
        """Whether the module currently collects, that is, whether it is in training."""
        return self.training and torch.is_grad_enabled()

    def begin(self) -> None:
        """Ends the previous step, if its end is not marked from outside."""
        if self.is_seeing and not self.in_step:
            self.settle()


@contextmanager
def one_step(owner: Any) -> Iterator[list[Stepwise]]:
    """Makes a block one step of training for all such modules of a module.

    Args:
        owner: The module; any other object has none.

    Yields:
        The modules in training mode, each of which must be settled at the end of the block.
    """
    modules = owner.modules() if isinstance(owner, nn.Module) else ()
    moving = [m for m in modules if isinstance(m, Stepwise) and m.training]
    for module in moving:
        module.in_step = True
    try:
        yield moving
    finally:
        for module in moving:
            del module.in_step
