"""Bounds on what making a model may take, asked before it is taken."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

__all__ = ["bounded"]


@contextmanager
def bounded(size: int, operations: int, what: str) -> Iterator[None]:
    """Ends a block that makes more or larger tensors than it should, before memory is taken.

    Args:
        size: Most bytes of new tensors, all together.
        operations: Most operations on tensors.
        what: What is being made, for the message.

    Raises:
        ValueError: If the block asks for more.
    """
    with _Bounds(size, operations, what):
        yield


class _Bounds(TorchDispatchMode):
    def __init__(self, size: int, operations: int, what: str) -> None:
        super().__init__()
        self.size, self.operations, self.what = size, operations, what
        self.taken = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled in here; torch would import its compiler, which takes seconds."""
        return False

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        self.operations -= 1
        if self.operations < 0:
            raise ValueError(f"{self.what}: expected fewer layers, it has too many")
        self.taken += _new_bytes(func, args, kwargs)
        if self.taken > self.size:
            raise ValueError(
                f"{self.what}: expected at most {self.size / 2**20:.0f} MiB of memory, but it "
                f"would take {self.taken / 2**20:.0f} MiB and more"
            )
        return func(*args, **kwargs)


def _new_bytes(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """How much memory an operation takes, from the shapes of its results alone."""
    schema = func._schema
    # Views and operations in place take none.
    if schema.is_mutable or any(r.alias_info is not None for r in schema.returns):
        return 0
    inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    shapes = tree_map(_like, (args, kwargs))
    try:
        if inputs:
            results = func(*shapes[0], **shapes[1])
        else:
            results = func(*args, **{**kwargs, "device": torch.device("meta")})
    except (RuntimeError, NotImplementedError, TypeError):
        # Without a rule for shapes (nonzero, item): no larger than what is there already.
        return 0
    made = [leaf for leaf in tree_leaves(results) if isinstance(leaf, Tensor)]
    return sum(tensor.numel() * tensor.element_size() for tensor in made)


def _like(value: Any) -> Any:
    return value.to("meta") if isinstance(value, Tensor) else value
