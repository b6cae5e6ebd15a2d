"""Nearest neighbours among data."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from pyrovae.datasets import as_split
from pyrovae.latent_space.codes import AT_ONCE, check_batch

__all__ = ["Neighbours", "nearest_neighbours"]

# The number of candidates in addition to the k nearest that are compared exactly.
SPARE = 8


class Neighbours(NamedTuple):
    """The nearest data of each query, the nearest first.

    Attributes:
        distances: Euclidean distances, ``(n, k)``, in the units of the data.
        positions: Positions in the data, ``(n, k)``.
        data: The data themselves, ``(n, k, *data_shape)``.
    """

    distances: Tensor
    positions: Tensor
    data: Tensor


def nearest_neighbours(queries: Tensor, data: Any, *, k: int = 1) -> Neighbours:
    """Finds the nearest data of each query by comparing it with all data, in batches.

    A model that has memorised its training data draws samples that are close to one of them.
    Memory is needed only for one batch of data, its distances and the neighbours found so far.

    Args:
        queries: The queries, ``(n, *data_shape)``.
        data: The data to search: ``(N, *data_shape)``, a split such as ``data.train``, or anything
            else that `pyrovae.datasets.as_split` reads.
        k: Number of neighbours for each query.

    Returns:
        The k nearest data of each query.

    Raises:
        ValueError: If the queries are not a batch, their shape is not that of the data, or there
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
        # Matrix products are fast, but their rounding error grows with the distance of the data
        # from 0. In double precision, after centring, they select a few more candidates than
        # needed. The final comparison and the returned distances use exact differences.
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
