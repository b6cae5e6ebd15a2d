"""What draws from the guide say of each datum, as numbers."""

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
        log_ratio: :math:`\log \frac{1}{S} \sum_s p(z_s) / q(z_s \mid x)`, ``(N,)``. The mean that
            it estimates is at most one.
        log_evidence: :math:`\log \frac{1}{S} \sum_s p(x, z_s) / q(z_s \mid x)`, ``(N,)``.
        variance: The variance of ``log_evidence`` by the delta method, ``(N,)``; NaN if S is 1.
        ess: The effective sample size :math:`(\sum w)^2 / \sum w^2`, ``(N,)``.
        pareto_k: The shape of the weights' tail, ``(N,)``; see `pareto_k`.
        growth: What ``log_evidence`` has gained from S / 2 draws to S, ``(N,)``; see `Halves`.
        weight: How much each datum counts, ``(N,)``.
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
        """The same, with values whose plain means, and their errors, are those by weight."""
        if (self.weight == self.weight[0]).all() and self.weight[0] > 0:
            return self
        names = ("bound", "reconstruction", "kls", "log_evidence", "growth")
        changed = {name: weighed(getattr(self, name), self.weight) for name in names}
        # Of data that do not count, no draws are looked at either.
        for name in ("ess", "pareto_k"):
            changed[name] = torch.where(self.weight > 0, getattr(self, name), torch.nan)
        share = self.weight / self.weight.mean()
        return replace(self, **changed, variance=share.square() * self.variance)

    def counting(self) -> "Estimates":
        """Those of the data whose weight is above 0."""
        counts = self.weight > 0
        return Estimates(**{f.name: getattr(self, f.name)[counts] for f in fields(self)})


def weighed(values: Tensor, weight: Tensor) -> Tensor:
    r"""Values of N data whose plain mean, and its standard error, are those by weight.

    Each becomes :math:`m + \frac{N w_n}{\sum w} (v_n - m)`, where m is the weighted mean
    :math:`\sum w_n v_n / \sum w`: their mean is m, and their standard error the one of a ratio of
    means by the delta method.

    Args:
        values: ``(N, ...)``.
        weight: ``(N,)``.

    Raises:
        ValueError: If all weights are 0.
    """
    if not (weight > 0).any():
        raise ValueError("weights: expected some data that count, but all weights are 0")
    share = (weight / weight.mean()).view(-1, *[1] * (values.dim() - 1))
    # A datum of no weight says nothing, whatever its value.
    values = torch.where(share > 0, values, 0.0)
    mean = (share * values).mean(0)
    # One datum of minus infinity makes the mean what it is, with no error to speak of.
    return torch.where(mean.isfinite(), mean + share * (values - mean), mean)


def estimate(draws: Iterable[Draws], *, samples: int) -> Estimates:
    """Estimates for a batch from its draws, S together, in constant memory."""
    sums: list[Tensor] | None = None
    for found in draws:
        # Over the draws of a run in their own precision, and then on in double precision.
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
    """The estimates of several batches as those of one, in their order."""
    return Estimates(
        **{f.name: torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Estimates)}
    )
