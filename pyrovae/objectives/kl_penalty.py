"""The base of the bounds that put a function of the mean KL in place of the KL."""

from abc import abstractmethod
from typing import Any

import torch
from pyro.poutine import Trace
from torch import Tensor

from pyrovae.handlers import data_weight
from pyrovae.objectives.base import Objective
from pyrovae.objectives.terms import Term, data_frame, elbo_terms, sum_of_terms
from pyrovae.ranks import count, sum_over_ranks

__all__ = ["KLPenaltyObjective"]


class KLPenaltyObjective(Objective):
    r"""The evidence lower bound with a penalty on each group's mean KL instead of the KL.

    .. math:: \sum_{b=1}^{B} E_q[\log p(x_b \mid z)] - B \sum_g \text{penalty}
        \Big(\frac{1}{B} \sum_{b=1}^{B} KL_g(x_b)\Big)

    A subclass writes `penalty`. The KL is in closed form where `AnalyticKLELBO` has it. The mean
    is over the batch and the particles, by the data's weights where they have some; a plate that draws a batch of B from N data multiplies
    the whole by N / B and leaves the mean alone.

    Attributes:
        by_feature: Whether each feature of each latent is a group.
        by_site: Whether each latent site is a group; with neither, all latents are one.
    """

    across_batch = True
    across_ranks = True
    by_feature: bool = False
    by_site: bool = False

    @abstractmethod
    def penalty(self, kl: Tensor) -> tuple[Tensor, Tensor]:
        """The penalty and its derivative, from the mean KL of a group (or of each feature)."""

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch and averaged over particles."""
        terms: list[Term] = []
        groups: dict[str, list[Term]] = {}
        total: Any = 0.0
        everyone: Any = 0.0
        for term in elbo_terms(
            model_trace, guide_trace, analytic=True, by_feature=self.by_feature
        ):
            if term.latent is None:
                terms.append(term)
                continue
            site = guide_trace.nodes[term.latent]
            frame, scale = data_frame(site, self.plate_nesting)
            weight = data_weight(site)
            data: Any = frame.size if weight is None else weight.sum()
            total = self.num_particles * data * scale
            of_all = count(frame.size) if weight is None else sum_over_ranks(data)
            everyone = self.num_particles * of_all * scale
            groups.setdefault(term.latent if self.by_site else "", []).append(term)
        # A penalty f is its tangent at the mean, which is a sum over the data as the KL is and
        # takes score-function gradients as the KL does, plus a constant.
        constant: Any = 0.0
        for group in groups.values():
            kl = -torch.stack([self._sum(term.value.detach()) for term in group]).sum(0)
            # Over the data of all ranks; each counts the constant for its own.
            kl = sum_over_ranks(kl) / everyone
            value, slope = self.penalty(kl)
            constant = constant - total * (value - slope * kl).sum()
            terms.extend(self._weigh(term, slope) for term in group)
        bound, surrogate = sum_of_terms(terms, guide_trace)
        return (bound + constant) / self.num_particles, surrogate / self.num_particles

    def _sum(self, value: Tensor) -> Tensor:
        return value.sum(tuple(range(value.dim() - 1))) if self.by_feature else value.sum()

    def _weigh(self, term: Term, slope: Tensor) -> Term:
        def weigh(value: Tensor) -> Tensor:
            return (slope * value).sum(-1) if self.by_feature else slope * value

        differentiable = None if term.differentiable is None else weigh(term.differentiable)
        return term._replace(value=weigh(term.value), differentiable=differentiable)
