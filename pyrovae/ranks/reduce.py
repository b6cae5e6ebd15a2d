"""Sums over ranks within a step, eager or traced."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor
from torch.distributed import is_available

from pyrovae.ranks.group import joined

__all__ = [
    "aside",
    "count",
    "forget",
    "in_step",
    "rows",
    "stacked",
    "step_of",
    "sum_over_ranks",
    "total",
]

# A traced step names its group. The name stands for all ranks while steps are taken, and for this
# one alone while a step is traced and looked at, where another rank may do something else.
NAME: Any = "pyrovae"


class _Step:
    """The step under way.

    Attributes:
        sizes: The data of each rank in it; None where this process takes no step with others.
        rank: This one.
    """

    sizes: tuple[int, ...] | None = None
    rank = 0
    named: Any = None


_step = _Step()


@contextmanager
def step_of(rank: int, sizes: Sequence[int]) -> Iterator[None]:
    """Lets a block be a step that all ranks take, each with its data.

    Args:
        rank: This rank.
        sizes: The number of data of each rank, some of which may be 0.
    """
    if len(sizes) == 1:
        yield
        return
    _call(joined()[0])
    _step.rank, _step.sizes = rank, tuple(sizes)
    try:
        yield
    finally:
        _step.sizes = None


@contextmanager
def aside() -> Iterator[None]:
    """Lets the sums of a block be over this rank alone, with the same operations."""
    if _step.sizes is None:
        yield
        return
    _call(joined()[1])
    try:
        yield
    finally:
        _call(joined()[0])


def in_step() -> bool:
    """Whether a step that ranks take together is under way."""
    return _step.sizes is not None


def sum_over_ranks(x: Tensor) -> Tensor:
    """The sum of a tensor over the ranks of the step under way, without a gradient."""
    if _step.sizes is None:
        return x
    ops: Any = torch.ops._c10d_functional
    return ops.wait_tensor(ops.all_reduce(x.detach().contiguous(), "sum", NAME))


def total(x: Tensor) -> Tensor:
    r"""The sum of a tensor over the ranks, with the gradient of this rank's own summand.

    If each rank differentiates the same function of such sums, the sum of the ranks' gradients of
    a parameter is the gradient of that function.
    """
    if _step.sizes is None:
        return x
    return x + (sum_over_ranks(x) - x.detach())


def count(own: int) -> int:
    """The number of data of all ranks in the step under way; this one's where it is alone."""
    return own if _step.sizes is None else sum(_step.sizes)


def rows(x: Tensor, dim: int) -> Tensor:
    """The rows of all ranks along a dimension of data, with the gradient of this rank's own."""
    if _step.sizes is None:
        return x
    before = sum(_step.sizes[: _step.rank])
    after = sum(_step.sizes) - before - x.shape[dim]
    shapes = [(*x.shape[:dim], n, *x.shape[dim:][1:]) for n in (before, after)]
    return total(torch.cat([x.new_zeros(shapes[0]), x, x.new_zeros(shapes[1])], dim))


def stacked(x: Tensor) -> Tensor:
    """The tensors of all ranks, ``(ranks, *shape)``, without a gradient."""
    if _step.sizes is None:
        return x.detach().unsqueeze(0)
    own = torch.zeros(len(_step.sizes), *x.shape, dtype=x.dtype, device=x.device)
    own[_step.rank] = x.detach()
    return sum_over_ranks(own)


def forget() -> None:
    """Gives the name of the group up."""
    if _step.named is not None and is_available():
        with suppress(RuntimeError):
            torch._C._distributed_c10d._unregister_process_group(NAME)
    _step.named = None


def _call(group: Any) -> None:
    if _step.named is not group:
        forget()
        torch._C._distributed_c10d._register_process_group(NAME, group)
        _step.named = group
