"""Weights for single data."""

from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

__all__ = ["WeighData", "data_weight", "unweighed"]

NOTE = "data_weight"


class WeighData(Messenger):
    r"""Multiplies the log-probabilities of each datum's sites by its weight.

    For bounds that are linear in the log-probabilities this gives the weighted bound,
    :math:`\sum_n w_n L(x_n)`, with any estimator, including Pyro's. A bound that is not linear,
    such as an importance-weighted one, has to weight the bound of each datum and not the terms
    inside the logarithm. So a note is left at each site: the library's objectives remove the
    weight and apply it outside.

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
            # A datum of weight 0 is masked, so that 0 times an infinite log-probability is not
            # NaN.
            counts = self.weights > 0
            msg["mask"] = counts if msg["mask"] is None else counts & msg["mask"]


def data_weight(site: Any) -> Tensor | None:
    """The weights of the data at a site, ``(n,)``, or None if all have the same weight."""
    note = site.get(NOTE)
    return None if note is None else note[0]


def unweighed(site: Any) -> Tensor:
    """The log-probability at a site without the weights of the data; 0 for data of weight 0."""
    weights, log_prob = data_weight(site), site["log_prob"]
    return log_prob if weights is None else log_prob / torch.where(weights > 0, weights, 1.0)
