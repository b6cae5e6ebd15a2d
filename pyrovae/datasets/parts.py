"""Data that come a part at a time, looked at and divided on the way: no second copy is needed."""

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from pyrovae.checks import whereabouts_counted
from pyrovae.datasets.binarization import Binarization, binarize, check_unit_interval
from pyrovae.datasets.values import Bytes, to_float

__all__ = ["Look", "divide", "parts_of"]

PART = 2**20  # values at a time


class Look:
    """What values have been seen so far.

    Args:
        binarization: The protocol that they are for.
    """

    def __init__(self, binarization: Binarization) -> None:
        self.binarization = binarization
        self._bytes = Bytes()
        self._nan = self._infinite = self._total = 0
        self._columns: Tensor | None = None
        self._low, self._high = math.inf, -math.inf

    def __call__(self, x: Tensor) -> Tensor | None:
        """Looks at a part of the data, and gives it as floating numbers if nothing is wrong yet."""
        self._bytes.look(x)
        x = to_float(x)
        low, high = (end.item() for end in x.aminmax())
        self._low, self._high = min(self._low, low), max(self._high, high)
        self._total += x.numel()
        if not (math.isfinite(low) and math.isfinite(high)):
            if x.dim() == 2:
                odd = ~x.isfinite().all(0)
                self._columns = odd if self._columns is None else self._columns | odd
            self._nan += int(x.isnan().sum())
            self._infinite += int(x.isinf().sum())
        return None if self._nan or self._infinite or self._outside else x

    @property
    def _outside(self) -> bool:
        return self.binarization != "none" and not (self._low >= 0 and self._high <= 1)

    def check(self) -> None:
        """Raises a ValueError if there was something wrong, in words that are true of all data."""
        if self._nan or self._infinite:
            odd = self._nan + self._infinite
            where = whereabouts_counted(odd, self._total, self._columns)
            raise ValueError(
                f"expected finite values, got {self._nan} NaN and {self._infinite} infinite: {where}"
            )
        self._bytes.check()
        if self._outside:
            check_unit_interval(torch.tensor([self._low, self._high]), self.binarization)


def parts_of(x: Tensor) -> Iterator[Tensor]:
    """Goes through the rows of a tensor: four at a time, or a multiple of that."""
    rows = PART // max(math.prod(x.shape[1:]), 1) // 4 * 4
    return iter(x.split(max(rows, 4)))


def divide(
    parts: Iterable[Tensor],
    indices: tuple[Tensor, ...],
    *,
    binarization: Binarization,
    seed: int,
) -> list[Tensor]:
    """Looks at data, binarizes them unless that is done at each draw, and divides them.

    The draws of static binarization are those for all data at once: they depend on the seed, and
    not on the parts.

    Args:
        parts: The data in their order, of each part at least one, and a multiple of four in all
            but the last.
        indices: Which data go where, in which order: disjoint, together all of them.
        binarization: The protocol.
        seed: The seed of static binarization.

    Returns:
        Floating data, for each of ``indices``.

    Raises:
        ValueError: If the values are no data, or not in [0, 1] where they are to be binarized.
    """
    n = sum(map(len, indices))
    place, role = torch.empty(n, dtype=torch.int64), torch.empty(n, dtype=torch.int64)
    for i, index in enumerate(indices):
        place[index], role[index] = torch.arange(len(index)), i
    look = Look(binarization)
    generator = torch.Generator().manual_seed(seed)
    divided: list[Tensor] = []
    start = 0
    for part in parts:
        x = look(part)
        if x is not None:
            if binarization != "dynamic":
                x = binarize(x, binarization, generator=generator)
            if not divided:
                divided = [x.new_empty((len(index), *x.shape[1:])) for index in indices]
            for i, rows in enumerate(divided):
                chosen = (role[start : start + len(x)] == i).nonzero().flatten()
                rows[place[start + chosen]] = x[chosen]
        start += len(part)
    look.check()
    return divided
