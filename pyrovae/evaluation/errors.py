"""Standard errors of means over data, and where they are undefined."""

import math

from torch import Tensor

__all__ = ["data_se", "mean_mc_se", "words"]


def data_se(values: Tensor) -> float | None:
    """The standard error of the mean of ``(N,)`` values from the data; of one datum undefined."""
    n = len(values)
    return None if n == 1 else values.std().item() / math.sqrt(n)


def mean_mc_se(variance: Tensor) -> float:
    """The standard error of the mean of ``(N,)`` estimates from the variance of each."""
    return variance.sum().sqrt().item() / len(variance)


def words(error: float | None) -> str:
    """An error with three decimals, or that there is none."""
    return "undefined" if error is None else f"{error:.3f}"
