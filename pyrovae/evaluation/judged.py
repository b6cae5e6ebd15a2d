"""Running sums of weights, with diagnostics of whether they can be trusted."""

from torch import Tensor

from pyrovae.evaluation.importance import Halves, ImportanceSampling
from pyrovae.evaluation.pareto import Tail

__all__ = ["JudgedWeights"]


class JudgedWeights(ImportanceSampling):
    """Sums of the weights of a batch, with diagnostics of whether their mean can be trusted.

    Args:
        size: Number of data B.
        samples: Number of draws S that will be added.
    """

    def __init__(self, size: int, samples: int) -> None:
        super().__init__(size)
        self._tail, self._halves = Tail(size, samples), Halves(size, samples)

    def add(self, log_weights: Tensor) -> None:
        """Adds log-weights, ``(S, B)``."""
        super().add(log_weights)
        self._tail.add(log_weights)
        self._halves.add(log_weights)

    @property
    def pareto_k(self) -> Tensor:
        """The shape of the weights' tail, ``(B,)``; see `pyrovae.evaluation.pareto.pareto_k`."""
        return self._tail.k

    @property
    def growth(self) -> Tensor:
        """How much the estimate has gained from S / 2 draws to S, ``(B,)``; see `Halves`."""
        return self._halves.growth(self.log_mean)
