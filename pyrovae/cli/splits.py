"""What commands look at of a run's data."""

import torch
from torch import Tensor

from pyrovae.datasets import Data, TensorSplit

__all__ = ["first_data", "held_out"]


def held_out(data: Data) -> str:
    """The name of the split to report on: test, else validation, else the training data."""
    return next(name for name in ("test", "validation", "train") if getattr(data, name))


def first_data(data: Data, seed: int | None, *, masked: bool = False) -> Tensor:
    """The training data that a prior may begin from or keep, the same whenever it is asked.

    All that are in memory, of others the first thousand. Data that are binarized each time they
    are drawn are the same for one seed alone.

    Args:
        data: The data.
        seed: The seed.
        masked: Whether to put below each datum which of its values were observed, zeros being in
            place of the others, as the guide of a model that sees masks reads them.
    """
    n = len(data.train) if isinstance(data.train, TensorSplit) else 1000
    with torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        x, *rest = data.train.take(n)
    if not masked:
        return x
    seen = rest[0] if rest else torch.ones_like(x, dtype=torch.bool)
    return torch.cat([x.where(seen, 0), seen.to(x)], dim=1)
