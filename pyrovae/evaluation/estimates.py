"""Estimates for each datum from draws of the guide."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from pyrovae.evaluation.draws import Draws
from pyrovae.evaluation.importance import ImportanceSampling
from pyrovae.evaluation.judged import JudgedWeights

__all__ = ["Estimates", "concatenate", "estimate", "weighed"]


@dataclass(frozen=True, eq=False)
class Estimates:
    r"""Estimates for each of N data from S draws of its posterior, in nats; float64 on the CPU.

    Attributes:
        bound: The mean of :math:`\log p(x, z_s) - \log q(z_s \mid x)`, ``(N,)``.
        reconstruction: The mean of :math:`\log p(x \mid z_s)`, ``(N,)``.
        kls: The mean of :math:`\log q - \log p` of each latent site, ``(N, L)``.
        log_ratio: :math:`\log \frac{1}{S} \sum_s p(z_s) / q(z_s \mid x)`, ``(N,)``. Its argument
            estimates a mean that is at most one.
        log_evidence: :math:`\log \frac{1}{S} \sum_s p(x, z_s) / q(z_s \mid x)`, ``(N,)``.
        variance: The variance of ``log_evidence`` by the delta method, ``(N,)``; NaN if S is 1.
        ess: The effective sample size :math:`(\sum w)^2 / \sum w^2`, ``(N,)``.
        pareto_k: The shape of the weights' tail, ``(N,)``; see `pareto_k`.
        growth: How much ``log_evidence`` has gained from S / 2 draws to S, ``(N,)``; see `Halves`.
        weight: The weight of each datum, ``(N,)``.
    """

    bound: Tensor
    reconstruction: Tensor
    kls: Tensor
    log_ratio: Tensor
    log_evidence: Tensor
    variance: Tensor
    ess: Tensor
    pareto_k: Tensor
    growth: Tensor
    weight: Tensor

    def weighed(self) -> "Estimates":
        """Transforms the values so that their plain means, and errors, are the weighted ones."""
        if (self.weight == self.weight[0]).all() and self.weight[0] > 0:
            return self
        names = ("bound", "reconstruction", "kls", "log_evidence", "growth")
        changed = {name: weighed(getattr(self, name), self.weight) for name in names}
        # For data of weight 0, the draws do not count either.
        for name in ("ess", "pareto_k"):
            changed[name] = torch.where(self.weight > 0, getattr(self, name), torch.nan)
        share = self.weight / self.weight.mean()
        return replace(self, **changed, variance=share.square() * self.variance)

    def counting(self) -> "Estimates":
        """The estimates of the data whose weight is above 0."""
        counts = self.weight > 0
        return Estimates(**{f.name: getattr(self, f.name)[counts] for f in fields(self)})


def weighed(values: Tensor, weight: Tensor) -> Tensor:
    r"""Transforms the values of N data so that their plain mean and its error are weighted ones.

    Each becomes :math:`m + \frac{N w_n}{\sum w} (v_n - m)`, where m is the weighted mean
    :math:`\sum w_n v_n / \sum w`. Their mean is m, and their standard error is that of a ratio of
    means by the delta method.

    Args:
        values: The values, ``(N, ...)``.
        weight: The weights, ``(N,)``.

    Raises:
        ValueError: If all weights are 0.
    """
    if not (weight > 0).any():
        raise ValueError("weights: expected at least one positive weight, but all weights are 0")
    share = (weight / weight.mean()).view(-1, *[1] * (values.dim() - 1))
    # A datum of weight 0 does not count, whatever its value.
    values = torch.where(share > 0, values, 0.0)
    mean = (share * values).mean(0)
    # A datum of minus infinity makes the mean infinite, for which no error can be given.
    return torch.where(mean.isfinite(), mean + share * (values - mean), mean)


def estimate(draws: Iterable[Draws], *, samples: int) -> Estimates:
    """Computes the estimates for a batch from its S draws, in constant memory."""
    sums: list[Tensor] | None = None
    for found in draws:
        # Summed in their own precision within a run, and across runs in double precision.
        parts = [value.sum(0).cpu().double() for value in found]
        if sums is None:
            size = len(parts[0])
            weights, ratios = JudgedWeights(size, samples), ImportanceSampling(size)
        sums = parts if sums is None else [a + b for a, b in zip(sums, parts, strict=True)]
        weights.add(found.log_weights)
        ratios.add(-found.kls.sum(-1))
    if sums is None:
        raise ValueError("expected at least one draw, got none")
    bound, reconstruction, kls, weight = (total / weights.samples for total in sums)
    return Estimates(
        bound=bound,
        reconstruction=reconstruction,
        kls=kls,
        log_ratio=ratios.log_mean,
        log_evidence=weights.log_mean,
        variance=weights.variance,
        ess=weights.ess,
        pareto_k=weights.pareto_k,
        growth=weights.growth,
        weight=weight,
    )


def concatenate(parts: Sequence[Estimates]) -> Estimates:
    """Concatenates the estimates of several batches, in their order."""
    return Estimates(
        **{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Estimates)}
    )
