"""How many draws go into one run of a model, for the memory that they take."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pyrovae.checks import check_count
from pyrovae.datasets.splits import Split
from pyrovae.datasets.values import to_dtype
from pyrovae.nn.modes import evaluation_mode
from pyrovae.objectives import ELBO
from pyrovae.programs import Program, device_of, dtype_of
from pyrovae.scope import isolated, without_validation

__all__ = ["rows_in_memory", "sizes_in_memory"]

#: Bytes that a run may take. One number for all machines, since draws depend on sizes of runs.
BUDGET = 2**30
#: Of the largest tensor that a run makes it holds so many at a time, or as much in smaller ones.
HELD = 16
#: More rows are no faster.
MOST = 8000


@torch.no_grad()
def rows_in_memory(model: Program, split: Split, device: torch.device) -> int:
    """How many rows (draws times data) of a model and its guide fit into 1 GiB, at most 8000.

    Both run on a few copies of the first datum, which shows how their tensors grow. Programs that
    are of one size of batch, or cannot be run, are taken to make nothing larger than their data.

    Args:
        model: The program and its guide.
        split: The data.
        device: Where the model is.
    """
    with isolated(device, seed=0), evaluation_mode(model), without_validation():
        first = to_dtype((value.to(device) for value in split.take(1)), dtype_of(model))
        try:
            two, four = (_sizes(model, first, copies) for copies in (2, 4))
        except Exception:  # noqa: BLE001, whatever is wrong is said when the data are looked at
            two, four = ([n * sum(t.nbytes for t in first)] for n in (2, 4))
    if len(two) == len(four):
        row = max((b - a) / 2 for a, b in zip(two, four, strict=True))
    else:
        row = max(four) / 4
    return max(1, min(MOST, int(BUDGET / (HELD * max(row, 1)))))


def sizes_in_memory(
    model: Program, split: Split, *, batch_size: int, rows: int | None
) -> tuple[int, int]:
    """Data at a time and rows of a run, where these are left to the memory.

    Raises:
        ValueError: If a number is not positive.
    """
    check_count("batch_size", batch_size)
    if rows is not None:
        check_count("rows", rows)
        return batch_size, rows
    rows = rows_in_memory(model, split, device_of(model))
    return min(batch_size, rows), rows


def _sizes(model: Program, first: tuple[Tensor, ...], copies: int) -> list[int]:
    batch = tuple(value.repeat_interleave(copies, 0) for value in first)
    with _Sizes() as seen:
        ELBO().traces(model.model, model.guide, batch, {})
    return seen.bytes


class _Sizes(TorchDispatchMode):
    """Notes the size of each tensor that a block makes, in bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes: list[int] = [0]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled in here; torch would import its compiler, which takes seconds."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self.bytes += [tensor.numel() * tensor.element_size() for tensor in made]
        return result
