"""The log-likelihood by importance sampling, with its errors."""

from dataclasses import dataclass
from typing import Literal, overload

import torch
from torch import Tensor

from pyrovae.compilation import Compile
from pyrovae.datasets import Source
from pyrovae.evaluation.errors import data_se, mean_mc_se
from pyrovae.evaluation.estimates import Estimates, concatenate
from pyrovae.evaluation.judged import JudgedWeights
from pyrovae.evaluation.memory import sizes_in_memory
from pyrovae.evaluation.ordered import in_order
from pyrovae.evaluation.pareto import TRUSTED_K
from pyrovae.evaluation.passes import one_pass
from pyrovae.evaluation.reading import read_for
from pyrovae.evaluation.same_data import check_same_data
from pyrovae.programs import Program, check_program
from pyrovae.ranks import present, together

__all__ = ["LogLikelihood", "PointwiseLogLikelihood", "log_likelihood", "of_weights", "pointwise"]


@dataclass(frozen=True)
class LogLikelihood:
    r"""Mean importance-sampled log-likelihood of a split, in nats per datum.

    Attributes:
        value: Mean over the data of :math:`\log \frac{1}{S} \sum_s w_s`. In expectation it is a
            lower bound of the log-likelihood, tighter with more samples.
        samples: Number of draws S for each datum.
        mc_se: Standard error from the S draws (delta method). None for one draw.
        data_se: Standard error from the data. None for one datum.
        ess: Median over the data of the effective sample size :math:`(\sum w)^2 / \sum w^2`.
        ess_low: Fifth percentile of the effective sample size over the data.
        heavy: Share of the data whose weights have such a heavy tail that their mean cannot be
            trusted (Pareto k above 0.7), among the data for which k is known. None for too few
            draws.
        growth: How much the value has risen from S / 2 draws to S (`Halves`), as a mean over the
            data with a finite value from either half. None if there are none, as for one draw.
    """

    value: float
    samples: int
    mc_se: float | None
    data_se: float | None
    ess: float
    ess_low: float
    heavy: float | None = None
    growth: float | None = None


@dataclass(frozen=True, eq=False)
class PointwiseLogLikelihood:
    r"""The importance-sampled log-likelihood of each of N data, in nats, in the order of the data.

    Attributes:
        value: :math:`\log \frac{1}{S} \sum_s w_s`, ``(N,)`` in double precision. In expectation
            it is a lower bound of the log-likelihood, tighter with more samples.
        mc_se: Its standard error from the S draws (delta method), ``(N,)``. None for one draw.
        ess: The effective sample size :math:`(\sum w)^2 / \sum w^2`, between 1 and S, ``(N,)``.
        samples: Number of draws S for each datum.
        pareto_k: The shape of the weights' tail, ``(N,)``: above 0.7, value and error cannot be
            trusted. NaN for fewer than 25 draws.
        growth: How much the value has gained from S / 2 draws to S, ``(N,)``; NaN for one draw.
    """

    value: Tensor
    mc_se: Tensor | None
    ess: Tensor
    samples: int
    pareto_k: Tensor
    growth: Tensor

    def __len__(self) -> int:
        return len(self.value)

    def mean(self) -> LogLikelihood:
        """The mean over the data, with its errors."""
        return LogLikelihood(
            value=self.value.mean().item(),
            samples=self.samples,
            mc_se=None if self.mc_se is None else mean_mc_se(self.mc_se.square()),
            data_se=data_se(self.value),
            ess=self.ess.nanmedian().item(),
            ess_low=self.ess.nanquantile(0.05).item(),
            heavy=_mean((self.pareto_k > TRUSTED_K)[~self.pareto_k.isnan()].double()),
            growth=_mean(self.growth[self.growth.isfinite()]),
        )


@overload
def log_likelihood(
    model: Program,
    data: Source,
    *,
    per_datum: Literal[False] = False,
    samples: int = ...,
    batch_size: int = ...,
    rows: int | None = ...,
    compile: Compile = ...,
    seed: int = ...,
    device: torch.device | str | None = ...,
) -> LogLikelihood: ...


@overload
def log_likelihood(
    model: Program,
    data: Source,
    *,
    per_datum: Literal[True],
    samples: int = ...,
    batch_size: int = ...,
    rows: int | None = ...,
    compile: Compile = ...,
    seed: int = ...,
    device: torch.device | str | None = ...,
) -> PointwiseLogLikelihood: ...


@together()
def log_likelihood(
    model: Program,
    data: Source,
    *,
    per_datum: bool = False,
    samples: int = 1000,
    batch_size: int = 100,
    rows: int | None = None,
    compile: Compile = "auto",
    seed: int = 0,
    device: torch.device | str | None = None,
) -> LogLikelihood | PointwiseLogLikelihood:
    """Estimates the log-likelihood of data by importance sampling from the guide.

    Burda, Grosse and Salakhutdinov, 2016, https://arxiv.org/abs/1509.00519, with S = 5000.

    Args:
        model: The program and its guide.
        data: A split, a tensor or array, a ``Dataset``, a ``DataLoader``.
        per_datum: Whether to return log p(x) of each datum instead of the mean, in the order of
            the data (a loader that shuffles is read in the order of its data set).
        samples: Number of draws S from the guide for each datum.
        batch_size: Number of data processed at a time.
        rows: Number of draws times data in one run of the model, which determines the memory used.
            If left out, as many as take about 1 GiB, but at most 8000; this also limits the number
            of data processed at a time.
        compile: Whether to compile that run; "auto" does so if it would take more than a minute.
        seed: Seed of the draws.
        device: The device of the model; found from its parameters, if left out.

    Returns:
        A `LogLikelihood`, or a `PointwiseLogLikelihood` per datum. The model and the random state
        are left unchanged.

    Raises:
        ValueError: If a number is not positive, the data's shape or values do not fit, or the
            program has a global latent, scales a site (pyro.poutine.scale) or has no bound at all.
    """
    check_program(model)
    split = read_for(model, data)
    batch_size, rows = sizes_in_memory(model, split, batch_size=batch_size, rows=rows)
    check_same_data(split, present(), batch_size=batch_size)
    with one_pass(
        model,
        in_order(split) if per_datum else split,
        samples=samples,
        batch_size=batch_size,
        rows=rows,
        compile=compile,
        seed=seed,
        device=device,
        ranks=present(),
    ) as views:
        parts = []
        for view in views:
            views.first.check_weights()
            if views.first.undefined is not None:
                raise ValueError(f"the log-likelihood is undefined: {views.first.undefined}")
            parts.append(view.estimate())
        found = concatenate(views.gather(parts))
    each = pointwise(found if per_datum else found.weighed(), samples)
    return each if per_datum else each.mean()


def pointwise(found: Estimates, samples: int) -> PointwiseLogLikelihood:
    """The log-likelihood of each datum, from estimates with S draws each."""
    return PointwiseLogLikelihood(
        value=found.log_evidence,
        mc_se=None if samples == 1 else found.variance.sqrt(),
        ess=found.ess,
        samples=samples,
        pareto_k=found.pareto_k,
        growth=found.growth,
    )


def of_weights(log_weights: Tensor) -> PointwiseLogLikelihood:
    """The log-likelihood of each datum from its log-weights, ``(S, N)``."""
    samples, size = log_weights.shape
    weights = JudgedWeights(size, samples)
    weights.add(log_weights)
    return PointwiseLogLikelihood(
        value=weights.log_mean,
        mc_se=None if samples == 1 else weights.variance.sqrt(),
        ess=weights.ess,
        samples=samples,
        pareto_k=weights.pareto_k,
        growth=weights.growth,
    )


def _mean(known: Tensor) -> float | None:
    return known.mean().item() if len(known) else None
