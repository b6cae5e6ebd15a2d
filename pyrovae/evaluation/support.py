"""Whether a whole split are values that a model can have produced."""

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
    """Looks whether data are values that the model can have produced, before anything is computed.

    Data in memory are looked at whole, others in their first batch: what is read later is for a
    `BatchCheck` to look at when it is read. A model that has a `check_batch` of its own looks at
    them, too.

    Raises:
        ValueError: As `BatchCheck` does.
    """
    check, dtype = BatchCheck(model), dtype_of(model)
    with isolated(device, seed=0):
        for batch in split.batches(rows_to_look_at(split.shape), device=device):
            check(to_dtype(batch, dtype))
            if not isinstance(split, TensorSplit):
                break
