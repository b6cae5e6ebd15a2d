"""Checks that a split contains values that a model can have generated."""

import torch

from pyrovae.datasets.memory import rows_to_look_at
from pyrovae.datasets.splits import Split
from pyrovae.datasets.tensor_split import TensorSplit
from pyrovae.datasets.values import to_dtype
from pyrovae.programs import Program, dtype_of
from pyrovae.scope import isolated
from pyrovae.support import BatchCheck

__all__ = ["check_support"]


@torch.no_grad()
def check_support(model: Program, split: Split, device: torch.device) -> None:
    """Checks that data are values that the model can have generated, before other computations.

    Data in memory are checked completely, other data in their first batch; later batches are left
    to a `BatchCheck` when they are read. If a model has a ``check_batch`` of its own, it is
    called, too.

    Raises:
        ValueError: As for `BatchCheck`.
    """
    check, dtype = BatchCheck(model), dtype_of(model)
    with isolated(device, seed=0):
        for batch in split.batches(rows_to_look_at(split.shape), device=device):
            check(to_dtype(batch, dtype))
            if not isinstance(split, TensorSplit):
                break
