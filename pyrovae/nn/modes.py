"""Evaluation mode for the duration of a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

__all__ = ["evaluation_mode"]


@contextmanager
def evaluation_mode(module: Any) -> Iterator[None]:
    """Puts a module in evaluation mode for a block, and then restores each submodule's own mode.

    Restoring each mode, instead of calling ``train()`` on the whole module, keeps frozen those
    parts that a user has frozen on purpose. An object that is not a `torch.nn.Module` has no modes
    and is left alone.
    """
    modes = {m: m.training for m in module.modules()} if isinstance(module, nn.Module) else {}
    try:
        for submodule in modes:
            submodule.training = False
        yield
    finally:
        for submodule, training in modes.items():
            submodule.training = training
