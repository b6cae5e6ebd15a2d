"""A weight for each datum."""

from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

__all__ = ["WeighData", "data_weight", "unweighed"]

NOTE = "data_weight"


class WeighData(Messenger):
    r"""Multiplies the log-probabilities of each datum's sites by its weight.

    That is what a bound is made of that is linear in them, :math:`\sum_n w_n L(x_n)`: any
    estimator, Pyro's too, may do so. One that is not, such as an importance-weighted bound, has to
    weigh the bound of a datum and not what stands in its logarithm, so a note is left at each site:
    the library's objectives take the weight out and put it back outside.

    Args:
        weights: The weights, ``(n,)``, for sites whose last batch dimension is the data's plate.
    """

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = weights

    def _pyro_sample(self, msg: Any) -> None:
        if msg["cond_indep_stack"]:
            msg[NOTE] = self.weights, msg["scale"]
            msg["scale"] = msg["scale"] * self.weights
            # Without weight a datum says nothing, also where its density is 0: no 0 times infinity.
            counts = self.weights > 0
            msg["mask"] = counts if msg["mask"] is None else counts & msg["mask"]


def data_weight(site: Any) -> Tensor | None:
    """The weights of the data at a site, ``(n,)``; None where all count alike."""
    note = site.get(NOTE)
    return None if note is None else note[0]


def unweighed(site: Any) -> Tensor:
    """The log-probability at a site as it were without the data's weights; 0 of data of none."""
    weights, log_prob = data_weight(site), site["log_prob"]
    return log_prob if weights is None else log_prob / torch.where(weights > 0, weights, 1.0)
