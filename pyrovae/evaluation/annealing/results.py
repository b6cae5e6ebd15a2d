"""The results of annealing: bounds of log p(x), with their errors."""

from dataclasses import dataclass

from torch import Tensor

from pyrovae.evaluation.errors import data_se, mean_mc_se
from pyrovae.evaluation.gaps import Mean

__all__ = ["AnnealedBound", "Sandwich"]


@dataclass(frozen=True, eq=False)
class AnnealedBound:
    r"""A bound of log p(x) for each of N data by annealing, in nats, in the order of the data.

    Attributes:
        value: The bound, ``(N,)`` in double precision.
        mc_se: Its standard error from the chains (delta method), ``(N,)``. None for one chain, and
            for an upper bound, whose chains all start at the same draw.
        ess: The effective number of chains, between 1 and C, ``(N,)``.
        acceptance: The mean acceptance probability of proposals, ``(N,)``.
        chains: Number of chains C for each datum.
        temperatures: Number of steps T from the prior to the posterior.
    """

    value: Tensor
    mc_se: Tensor | None
    ess: Tensor
    acceptance: Tensor
    chains: int
    temperatures: int

    def __len__(self) -> int:
        return len(self.value)

    def mean(self) -> Mean:
        """The mean over the data, with its errors."""
        mc_se = None if self.mc_se is None else mean_mc_se(self.mc_se.square())
        return Mean(self.value.mean().item(), mc_se, data_se(self.value))

    def __str__(self) -> str:
        return f"{self._header()}\n  log p(x) at least  {self.mean()}\n{self._footer()}"

    def _header(self) -> str:
        path = f"{self.chains} chains of {self.temperatures} temperatures"
        return f"{len(self)} data, {path}; nats per datum"

    def _footer(self) -> str:
        ess, accepted = self.ess.median().item(), self.acceptance.mean().item()
        return f"  effective chains   {ess:.1f} (median), acceptance {accepted:.2f}"


@dataclass(frozen=True, eq=False)
class Sandwich:
    """The result of `bidirectional`: log p(x) of simulated data, between two bounds.

    Attributes:
        lower: The lower bound, from chains that start at the prior.
        upper: The upper bound, from chains that start at the latents that generated the data.
    """

    lower: AnnealedBound
    upper: AnnealedBound

    @property
    def gap(self) -> Mean:
        """The upper minus the lower bound: the most that either can be off, in expectation.

        Its error is from the data, which includes the draws that generated each datum and its
        chains.
        """
        difference = self.upper.value - self.lower.value
        return Mean(difference.mean().item(), None, data_se(difference))

    def __str__(self) -> str:
        return "\n".join(
            [
                self.lower._header().replace(" data", " simulated data", 1),
                f"  log p(x) at least  {self.lower.mean()}",
                f"  log p(x) at most   {self.upper.mean()}",
                f"  gap                {self.gap}",
                self.lower._footer(),
            ]
        )
