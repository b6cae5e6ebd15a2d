"""Data that share the level of one factor."""

from collections.abc import Iterable

import numpy as np

from pyrovae.disentanglement.rows import Rows
from pyrovae.disentanglement.score import Array

__all__ = ["Groups", "check_shared"]


def check_shared(parts: Iterable[Rows]) -> None:
    """Looks whether there are data to draw that share a level, of each factor.

    Args:
        parts: The data, each part drawn from by itself.

    Raises:
        ValueError: If in a part no two data share a level of a factor: each datum's only partner
            is itself.
    """
    for rows in parts:
        for k, factor in enumerate(rows.factors.T):
            if len(np.unique(factor)) == len(rows):
                raise ValueError(
                    "factors: expected data that share levels of each factor in each half of the "
                    f"data, got {len(rows)} different levels of factor {k} for {len(rows)} data"
                )


class Groups:
    """Draws data that share the level of a factor, and differ in the others as data do.

    Args:
        rows: The data.
        rng: Of the draws.
    """

    def __init__(self, rows: Rows, rng: np.random.Generator) -> None:
        self.rows, self.rng = rows, rng
        self._members: list[tuple[Array, Array]] = []
        for factor in rows.factors.T:
            order = np.argsort(factor, kind="stable")
            self._members.append((order, factor[order]))

    def factors(self, n: int) -> Array:
        """As many factors, each chosen with the same probability."""
        return self.rng.integers(self.rows.factors.shape[1], size=n)

    def partners(self, k: int, data: Array) -> Array:
        """For each of some data another one with its level of factor k, drawn with replacement.

        Args:
            k: The factor.
            data: Positions of data.
        """
        order, levels = self._members[k]
        own = self.rows.factors[data, k]
        low, high = np.searchsorted(levels, own), np.searchsorted(levels, own, side="right")
        partners: Array = order[self.rng.integers(low, high)]
        return partners

    def data(self, n: int) -> Array:
        """The positions of data drawn at random, with replacement."""
        return self.rng.integers(len(self.rows), size=n)
