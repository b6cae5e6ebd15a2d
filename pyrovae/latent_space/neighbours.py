"""The data that lie nearest to some others."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from pyrovae.datasets import as_split
from pyrovae.latent_space.codes import AT_ONCE, check_batch

__all__ = ["Neighbours", "nearest_neighbours"]

# How many more than the k nearest are compared exactly.
SPARE = 8


class Neighbours(NamedTuple):
    """The nearest data of each query, the nearest first.

    Attributes:
        distances: Euclidean, ``(n, k)``, in the units of the data.
        positions: Where they are in the data, ``(n, k)``.
        data: The data themselves, ``(n, k, *data_shape)``.
    """

    distances: Tensor
    positions: Tensor
    data: Tensor


def nearest_neighbours(queries: Tensor, data: Any, *, k: int = 1) -> Neighbours:
    """Finds the nearest of some data, all of which are looked at, a batch at a time.

    A model that has learned its training data by heart draws samples that are next to one of
    them. Memory holds one batch of data, its distances, and what has been found.

    Args:
        queries: ``(n, *data_shape)``.
        data: Where to look: ``(N, *data_shape)``, a split such as ``data.train``, or anything
            else that `pyrovae.datasets.as_split` reads.
        k: How many to find of each.

    Returns:
        The k nearest of each query.

    Raises:
        ValueError: If the queries are no batch, their shape is not that of the data, or there
            are fewer than ``k`` data.
    """
    split = as_split(data)
    check_batch("queries", queries)
    if queries.shape[1:] != split.shape:
        raise ValueError(
            f"queries: expected the shape of the data, (n, {', '.join(map(str, split.shape))}), "
            f"got {tuple(queries.shape)}"
        )
    if not 1 <= k <= len(split):
        raise ValueError(f"k: expected from 1 to the number of data, {len(split)}, got {k}")
    queries = queries.detach().cpu()
    n, flat = len(queries), queries.flatten(1).double()
    distances = torch.zeros(n, 0, dtype=queries.dtype)
    positions = torch.zeros(n, 0, dtype=torch.long)
    found = torch.zeros(n, 0, *split.shape, dtype=queries.dtype)
    seen = 0
    for x, *_ in split.batches(AT_ONCE):
        x = x.to(queries)
        # Products of matrices are fast but round, relative to how far from 0 all data lie: in
        # double precision, around the data's middle, they choose a few more than are wanted.
        # What is compared, and given, is computed from the differences.
        there = x.flatten(1).double()
        middle = there.mean(0)
        apart = torch.cdist(flat - middle, there - middle)
        chosen = apart.topk(min(k + SPARE, len(x)), largest=False).indices
        nearest = x[chosen]
        exact = (nearest - queries.unsqueeze(1)).flatten(2).norm(dim=-1)
        distances = torch.cat([distances, exact], 1)
        positions = torch.cat([positions, chosen + seen], 1)
        found = torch.cat([found, nearest], 1)
        best = distances.argsort(dim=1, stable=True)[:, :k]
        distances, positions = distances.gather(1, best), positions.gather(1, best)
        found = found[torch.arange(n).unsqueeze(1), best]
        seen += len(x)
    return Neighbours(distances, positions, found)
