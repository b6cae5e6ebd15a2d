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
    is over the batch and the particles, by the data's weights where they have some. Data of which
    all latents of a group are masked have no part in it: B is what the others weigh. A plate that
    draws a batch of B from N data multiplies the whole by N / B and leaves the mean alone.

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
        seen: dict[str, dict[str, Any]] = {}
        scale = 1.0
        for term in elbo_terms(
            model_trace, guide_trace, analytic=True, by_feature=self.by_feature
        ):
            if term.latent is None:
                terms.append(term)
                continue
            site = guide_trace.nodes[term.latent]
            _, scale = data_frame(site, self.plate_nesting)
            name = term.latent if self.by_site else ""
            groups.setdefault(name, []).append(term)
            seen.setdefault(name, {})[term.latent] = site
        # A penalty f is its tangent at the mean, which is a sum over the data as the KL is and
        # takes score-function gradients as the KL does, plus a constant.
        constant: Any = 0.0
        for name, group in groups.items():
            kl = -torch.stack([self._sum(term.value.detach()) for term in group]).sum(0)
            data, of_all = _counting(list(seen[name].values()), self.plate_nesting)
            # Over the data of all ranks; each counts the constant for its own.
            kl = sum_over_ranks(kl) / (self.num_particles * of_all * scale)
            value, slope = self.penalty(kl)
            total = self.num_particles * data * scale
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


def _counting(sites: list[Any], nesting: int) -> tuple[Any, Any]:
    """How many data count in a group's mean, by their weights: of this rank, and of all, not 0.

    Args:
        sites: The latents of the group, in the guide.
        nesting: Depth of nested plates; the outermost is the data's.
    """
    frame, _ = data_frame(sites[0], nesting)
    weight = data_weight(sites[0])
    masks = [site["mask"] for site in sites]
    if any(mask is None or mask is True for mask in masks):
        if weight is None:
            return frame.size, count(frame.size)
        data = weight.sum()
    else:
        like = sites[0]["log_prob"]
        seen = torch.stack([_seen(mask, frame.size, nesting, like) for mask in masks]).amax(0)
        data = seen.sum() if weight is None else (seen * weight).sum()
    of_all = sum_over_ranks(data)
    # Where nothing counts the sum of the KL is 0, and so the mean is.
    return data, torch.where(of_all > 0, of_all, 1.0)


def _seen(mask: Any, size: int, nesting: int, like: Tensor) -> Tensor:
    """The share of particles with which a mask leaves a datum something, ``(n,)``."""
    mask = torch.as_tensor(mask, device=like.device)
    mask = mask.expand(torch.broadcast_shapes(mask.shape, (size, *[1] * (nesting - 1))))
    inside = mask.flatten(1 - nesting).any(-1) if nesting > 1 else mask
    seen = inside.to(like.dtype)
    return seen.mean(tuple(range(seen.dim() - 1))) if seen.dim() > 1 else seen
