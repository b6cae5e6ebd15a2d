"""A score with its error, and by which protocol it was found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyrovae.checks import check_count, check_seed
from pyrovae.disentanglement.rows import Rows

__all__ = ["Array", "Score", "bootstrap"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Score:
    """A score from 0 to 1; more is better.

    Attributes:
        value: The score.
        data_se: Its standard error from the data, by the bootstrap: the spread of the scores of
            data drawn anew from these, with the draws of the score itself drawn anew.
        protocol: What numbers have to share to be compared: discretisation, predictor, sizes.
        by_factor: The same for each factor by itself, where it is a mean over factors.
    """

    value: float
    data_se: float
    protocol: str
    by_factor: tuple[float, ...] = ()

    def __str__(self) -> str:
        return f"{self.value:.3f}  (data_se {self.data_se:.3f}; {self.protocol})"


def bootstrap(
    statistic: Callable[..., Array], parts: tuple[Rows, ...], *, resamples: int, seed: int
) -> tuple[Array, Array]:
    """A statistic of data, and its standard errors.

    Efron, 1979, Bootstrap methods: another look at the jackknife,
    https://doi.org/10.1214/aos/1176344552.

    Args:
        statistic: A function of the parts and a generator, which gives a vector.
        parts: The data; each part is resampled by itself, so that none gets into another.
        resamples: How often.
        seed: Of resampling, and of what the statistic draws.

    Returns:
        The vector of the parts as they are, and of each entry the standard deviation over the
        resamples.
    """
    check_count("resamples", resamples, least=2)
    check_seed("seed", seed)
    rng = np.random.default_rng(seed % 2**64)
    value = statistic(*parts, rng)
    again = [statistic(*(part.resampled(rng) for part in parts), rng) for _ in range(resamples)]
    return value, np.stack(again).std(axis=0, ddof=1)
