"""The base class of bounds with a function of the mean KL in place of the KL."""

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

    Subclasses implement `penalty`. The KL is in closed form in the same cases as in
    `AnalyticKLELBO`. The mean is over the batch and the particles, weighted by the data's weights
    if they have any. Data for which all latents of a group are masked do not count in that group's
    mean: B is the total weight of the others. If a plate subsamples B of N data, the whole is
    multiplied by N / B, and the mean is not.

    Attributes:
        by_feature: Whether each feature of each latent is a group.
        by_site: Whether each latent site is a group. If both are False, all latents are one group.
    """

    across_batch = True
    across_ranks = True
    by_feature: bool = False
    by_site: bool = False

    @abstractmethod
    def penalty(self, kl: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the penalty and its derivative at the mean KL of a group or of each feature."""

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
        # The penalty f is replaced by its tangent at the mean, plus a constant. Like the KL, the
        # tangent is a sum over the data and takes score-function gradients.
        constant: Any = 0.0
        for name, group in groups.items():
            kl = -torch.stack([self._sum(term.value.detach()) for term in group]).sum(0)
            data, of_all = _counting(list(seen[name].values()), self.plate_nesting)
            # The mean is over the data of all ranks; each rank adds the constant for its own data.
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
    """Total weight of the data in a group's mean: on this rank, and on all ranks (never 0).

    Args:
        sites: The latents of the group, in the guide.
        nesting: Depth of nested plates; the outermost plate is that of the data.
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
    # If no datum counts, the sum of the KL is 0, and dividing by 1 makes the mean 0 as well.
    return data, torch.where(of_all > 0, of_all, 1.0)


def _seen(mask: Any, size: int, nesting: int, like: Tensor) -> Tensor:
    """Fraction of particles in which a mask leaves part of a datum visible, ``(n,)``."""
    mask = torch.as_tensor(mask, device=like.device)
    mask = mask.expand(torch.broadcast_shapes(mask.shape, (size, *[1] * (nesting - 1))))
    inside = mask.flatten(1 - nesting).any(-1) if nesting > 1 else mask
    seen = inside.to(like.dtype)
    return seen.mean(tuple(range(seen.dim() - 1))) if seen.dim() > 1 else seen
