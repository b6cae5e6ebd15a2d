"""Modules that move by themselves, once in each step of training."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Stepwise", "one_step"]


class Stepwise(nn.Module):
    """A module that gathers what it sees in a step of training and moves once, when the step ends.

    A step may run the programs more than once (gradients that are accumulated over parts of a
    batch) and on several ranks, and may come to nothing where a gradient is not finite. `one_step`
    says where it begins and ends; `fit` and `CompiledSVI` do. In a loop of one's own each run in
    training mode counts as a step, which ends when the next one begins.

    Attributes:
        in_step: Whether somebody will say when the step under way ends.
    """

    in_step = False

    @abstractmethod
    def settle(self, finite: Tensor | None = None) -> None:
        """Moves by what was seen since the last time, on all ranks, and forgets it.

        Args:
            finite: Whether the step counts, 0-dim; it does, if left out.
        """

    @property
    def is_seeing(self) -> bool:
        """Whether what is seen now is seen in training."""
        return self.training and torch.is_grad_enabled()

    def begin(self) -> None:
        """Ends the step before, where nobody else says when that is."""
        if self.is_seeing and not self.in_step:
            self.settle()


@contextmanager
def one_step(owner: Any) -> Iterator[list[Stepwise]]:
    """Lets a block be one step of training for all such modules of a module.

    Args:
        owner: The module; anything else has none.

    Yields:
        Those of them that are in training mode, each of which is to be settled in the block's end.
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
