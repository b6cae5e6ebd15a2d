"""How many draws fit into one run of a model, given the memory that they take."""

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

#: Bytes that a run may use. It is the same on all machines, since draws depend on sizes of runs.
BUDGET = 2**30
#: A run holds as much memory at a time as so many copies of the largest tensor that it creates.
HELD = 16
#: More rows are not faster.
MOST = 8000


@torch.no_grad()
def rows_in_memory(model: Program, split: Split, device: torch.device) -> int:
    """How many rows (draws times data) of a model and its guide fit into 1 GiB, at most 8000.

    Both are run on a few copies of the first datum, to see how their tensors grow. Programs that
    accept only one batch size, or that cannot be run, are assumed to create nothing larger than
    their data.

    Args:
        model: The program and its guide.
        split: The data.
        device: The device of the model.
    """
    with isolated(device, seed=0), evaluation_mode(model), without_validation():
        first = to_dtype((value.to(device) for value in split.take(1)), dtype_of(model))
        try:
            two, four = (_sizes(model, first, copies) for copies in (2, 4))
        except Exception:  # noqa: BLE001, any error is reported when the data are used
            two, four = ([n * sum(t.nbytes for t in first)] for n in (2, 4))
    if len(two) == len(four):
        row = max((b - a) / 2 for a, b in zip(two, four, strict=True))
    else:
        row = max(four) / 4
    return max(1, min(MOST, int(BUDGET / (HELD * max(row, 1)))))


def sizes_in_memory(
    model: Program, split: Split, *, batch_size: int, rows: int | None
) -> tuple[int, int]:
    """The numbers of data and of rows processed at a time, chosen for the memory if left out.

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
    """Records the size of each tensor created in a block, in bytes."""

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
