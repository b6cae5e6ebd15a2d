"""Codes of data, and the factors that the data were made of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["Rows", "read_rows", "varies"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Rows:
    """N codes with the levels of K factors.

    Attributes:
        codes: ``(N, D)``, in double precision.
        factors: Integers ``(N, K)``.
    """

    codes: Array
    factors: Array

    def __len__(self) -> int:
        return len(self.codes)

    def at(self, index: Array) -> "Rows":
        """Some of the rows, in the order of an index."""
        return Rows(self.codes[index], self.factors[index])

    def resampled(self, rng: np.random.Generator) -> "Rows":
        """As many of the rows, drawn with replacement."""
        return self.at(rng.integers(len(self), size=len(self)))

    def halves(self, seed: int) -> tuple["Rows", "Rows"]:
        """Two halves, divided at random: one to fit on, one to test on."""
        order = np.random.default_rng(seed % 2**64).permutation(len(self))
        half = len(self) // 2
        return self.at(order[:half]), self.at(order[half:])


def varies(values: Array) -> Array:
    """Whether each variable has more than one value over its rows, ``(D,)``.

    A variance does not tell: the mean of equal numbers may differ from them by rounding.

    Args:
        values: ``(N, D)``.
    """
    found: Array = values.max(axis=0) > values.min(axis=0)
    return found


def read_rows(codes: Tensor | Array, factors: Tensor | Array, *, least_factors: int = 1) -> Rows:
    """Looks at codes and factors.

    Args:
        codes: ``(N, *latent)``.
        factors: Integers ``(N, K)``.
        least_factors: How many factors a score needs.

    Raises:
        ValueError: If they are no such arrays, of several lengths, or of fewer than four data, a
            code is not finite, or a factor has but one level.
    """
    z, v = torch.as_tensor(codes).detach().cpu(), torch.as_tensor(factors).detach().cpu()
    if z.dim() < 2 or not z.is_floating_point():
        raise ValueError(
            f"codes: expected floating numbers of shape (N, D), got {z.dtype} {tuple(z.shape)}"
        )
    if not z.isfinite().all():
        raise ValueError("codes: expected finite numbers, got NaN or infinite ones")
    if v.dim() != 2 or v.is_floating_point() or v.is_complex() or len(v) != len(z):
        raise ValueError(
            f"factors: expected integers of shape ({len(z)}, K), the levels of the factors of "
            f"each code, got {v.dtype} {tuple(v.shape)}"
        )
    if len(z) < 4 or v.shape[1] < least_factors:
        raise ValueError(
            f"factors: expected at least 4 data and {least_factors} factors, got {len(z)} and "
            f"{v.shape[1]}"
        )
    levels = [len(column.unique()) for column in v.T]
    if min(levels) < 2:
        raise ValueError(
            f"factors: expected at least two levels of each, got one of factor {levels.index(1)}"
        )
    return Rows(z.flatten(1).double().numpy(), v.long().numpy())
