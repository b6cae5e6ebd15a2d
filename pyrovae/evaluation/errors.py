"""Standard errors of means over data, which are undefined for one datum."""

import math

from torch import Tensor

__all__ = ["data_se", "data_ses", "mean_mc_se", "words"]


def data_se(values: Tensor) -> float | None:
    """The standard error of the mean of ``(N,)`` values over the data; None for one datum."""
    errors = data_ses(values.unsqueeze(1))
    return None if errors is None else errors[0]


def data_ses(values: Tensor) -> list[float] | None:
    """The standard errors of the column means of ``(N, D)`` values; None for one datum."""
    n = len(values)
    if n == 1:
        return None
    errors: list[float] = (values.std(0) / math.sqrt(n)).tolist()
    return errors


def mean_mc_se(variance: Tensor) -> float:
    """The standard error of the mean of ``(N,)`` estimates, given the variance of each."""
    return variance.sum().sqrt().item() / len(variance)


def words(error: float | None) -> str:
    """Formats an error with three decimals, or as undefined."""
    return "undefined" if error is None else f"{error:.3f}"
