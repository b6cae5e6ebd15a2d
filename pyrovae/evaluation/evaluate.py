"""Reporting on a trained model."""

from dataclasses import replace
from math import log

import torch
from torch import Tensor

from pyrovae.compilation import Compile
from pyrovae.datasets import Source, Split
from pyrovae.datasets.first import First
from pyrovae.evaluation.codebook import code_counts, summarize_use
from pyrovae.evaluation.columns import ColumnScores
from pyrovae.evaluation.densities import count_each, is_density, is_discrete
from pyrovae.evaluation.distrust import (
    check_likelihood,
    check_numbers,
    collapsed,
    impossible,
    infinite,
    tail_of_weights,
)
from pyrovae.evaluation.errors import data_se
from pyrovae.evaluation.estimates import Estimates, concatenate
from pyrovae.evaluation.log_likelihood import LogLikelihood, log_likelihood, pointwise
from pyrovae.evaluation.memory import sizes_in_memory
from pyrovae.evaluation.passes import Pass, View, one_pass
from pyrovae.evaluation.reading import read_for
from pyrovae.evaluation.report import Report
from pyrovae.evaluation.same_data import check_same_data
from pyrovae.evaluation.support import check_support
from pyrovae.evaluation.variables import VariableUse
from pyrovae.evaluation.wider import wider as widened
from pyrovae.programs import Program, check_program, device_of
from pyrovae.ranks import present, together

__all__ = ["evaluate"]

TRAIN_SAMPLES = 10
TRAIN_DATA = 10_000  # used if the number of test data is not known beforehand


class _Seen:
    """What is collected over the batches, in addition to the estimates from draws."""

    def __init__(self, model: Program, rows: int, columns: ColumnScores) -> None:
        self.model, self.rows, self.columns = model, rows, columns
        self.variables = VariableUse()
        self.counts: dict[str, Tensor] = {}
        self.is_density = self.is_discrete = True
        self.dimensions = self.weights = 0.0  # values that count, by weight, and the weights

    def add(self, view: View) -> None:
        sites = view.look.sites.values()
        self.is_density &= all(is_density(site) for site in sites)
        self.is_discrete &= all(is_discrete(site) for site in sites)
        weight, values = view.look.weight, sum(map(count_each, sites))
        weight = torch.ones(len(view.batch[0])) if weight is None else weight.cpu()
        self.dimensions += (weight.double() * values).sum().item()
        self.weights += weight.double().sum().item()
        if view.look.undefined is None:
            self.columns.add(sites)
        for name, count in code_counts(view.look.guide_trace, view.look.weight).items():
            self.counts[name] = self.counts.get(name, 0) + count.cpu()
        self.variables.add(self.model, view, rows=self.rows)

    def gather(self, views: Pass) -> None:
        """Combines what all ranks have collected."""
        self.columns.gather(views.gather)
        sums = self.dimensions, self.weights
        own = (self.variables, self.counts, self.is_density, self.is_discrete, sums)
        everyone = views.ranks.gather(own)
        self.variables, self.counts = VariableUse(), {}
        for variables, counts, *_ in everyone:
            self.variables.merge(variables)
            for name, count in counts.items():
                self.counts[name] = self.counts.get(name, 0) + count
        self.is_density = all(is_density for *_, is_density, _, _ in everyone)
        self.is_discrete = all(is_discrete for *_, is_discrete, _ in everyone)
        both = (sum(values) for values in zip(*(sums for *_, sums in everyone), strict=True))
        self.dimensions, self.weights = both


@together()
def evaluate(
    model: Program,
    data: Source,
    *,
    train: Source | None = None,
    samples: int = 1000,
    batch_size: int = 100,
    rows: int | None = None,
    compile: Compile = "auto",
    seed: int = 0,
    wider: float | None = None,
) -> Report:
    """Reports on a model, without changing the model, its modes or any random state.

    Args:
        model: The program and its guide.
        data: Data to report on: a split, a tensor or array, a ``Dataset``, a ``DataLoader``.
        train: Training data, to report the gap between the bounds.
        samples: Number of draws S from the guide for each datum.
        batch_size: Number of data processed at a time.
        rows: Number of draws times data in one run of the model, which determines the memory used.
            If left out, as many as take about 1 GiB, but at most 8000; this also limits the number
            of data processed at a time.
        compile: Whether to compile that run; "auto" does so if it would take more than a minute.
            The program is kept for as long as the model lives, and is used again by the next call
            with the same sizes. On Linux a process that has compiled keeps up to 256 MiB of freed
            memory.
        seed: Seed of the draws. With the same seed and sizes, `elbo`, `log_likelihood` and `score`
            use the same draws.
        wider: Factor for the scales of the guide (see `wider`) when estimating log p(x), for a
            guide that is too narrow. Everything else is still computed with the guide as it is.

    Raises:
        ValueError: If an argument is not positive, the data's shape or values do not fit (every
            batch is checked), or the program has a global latent or scales a site
            (pyro.poutine.scale). Also if a bound is NaN, in which case the message names the site
            and the share of the data, or if log p(x) is NaN because of ``wider``.
    """
    check_program(model)
    proposal = None if wider is None else widened(model, wider)
    split, device = read_for(model, data), device_of(model)
    batch_size, rows = sizes_in_memory(model, split, batch_size=batch_size, rows=rows)
    check_same_data(split, present(), batch_size=batch_size)
    train_elbo = None
    if train is not None:
        n = TRAIN_DATA if split.length is None else split.length
        train_elbo = _bound(model, read_for(model, train), n, rows, seed)
    seen = _Seen(model, rows, ColumnScores(model, samples=samples, seed=seed))
    with one_pass(
        model,
        split,
        samples=samples,
        batch_size=batch_size,
        rows=rows,
        compile=compile,
        seed=seed,
        device=device,
        ranks=present(),
    ) as views:
        # Before the many draws, and not after hours of drawing.
        check_support(model, split, device)
        parts = []
        for view in views:
            views.first.check_weights()
            parts.append(view.estimate())
            seen.add(view)
        found = concatenate(views.gather(parts))
        seen.gather(views)
    likelihood = None
    if proposal is not None:
        likelihood = log_likelihood(
            proposal,
            split,
            samples=samples,
            batch_size=batch_size,
            rows=rows,
            compile=compile,
            seed=seed,
            device=device,
        )
        check_likelihood(likelihood, wider=wider)
    report = _report(split, found, views, seen, train_elbo, likelihood)
    return replace(report, wider=wider)


def _report(
    split: Split,
    found: Estimates,
    views: Pass,
    seen: _Seen,
    train_elbo: float | None,
    likelihood: LogLikelihood | None,
) -> Report:
    reason = views.first.undefined
    defined = reason is None
    latents = views.first.latents if defined else ()
    check_numbers(found, latents, list(views.first.sites))
    counted = found.weighed()
    bound, reconstruction = counted.bound.mean().item(), counted.reconstruction.mean().item()
    if likelihood is None and defined:
        likelihood = pointwise(counted, views.samples).mean()
    is_mass = seen.is_density and seen.is_discrete
    units = seen.variables.units
    bits, warnings = None, []
    if likelihood is not None:
        fault = impossible(found, latents, views.samples, is_mass=is_mass)
        warnings = [] if fault is None else [fault]
        counting = found.counting()
        warnings += [*infinite(counting), *tail_of_weights(likelihood)]
        warnings += collapsed(counting.weighed(), latents)
        if is_mass and seen.dimensions:
            bits = -likelihood.value * seen.weights / (seen.dimensions * log(2))
    return Report(
        data=len(found.bound),
        binarization=split.binarization,
        elbo=bound if defined else None,
        reconstruction=reconstruction,
        kl=reconstruction - bound if defined else None,
        log_likelihood=likelihood,
        is_density=seen.is_density,
        active_units=units.active if units.data > 1 else {},
        units=units.units,
        variables=seen.variables.found,
        train_elbo=train_elbo,
        bits_per_dim=bits,
        undefined=reason,
        codebooks=summarize_use(seen.counts),
        columns=seen.columns.means,
        site_kls=dict(zip(latents, counted.kls.mean(0).tolist(), strict=False)),
        data_se=_errors(counted, defined=defined),
        warnings=[*warnings, *map(_of_codes, seen.counts)],
    )


def _errors(found: Estimates, *, defined: bool) -> dict[str, float | None]:
    values = {"reconstruction": found.reconstruction}
    if defined:
        values |= {"elbo": found.bound, "kl": found.reconstruction - found.bound}
    return {
        name: data_se(value) if value.isfinite().all() else None for name, value in values.items()
    }


def _bound(model: Program, train: Split, n: int, rows: int, seed: int) -> float | None:
    """The mean ELBO of the first n training data, or None if it is undefined."""
    with one_pass(
        model,
        First(train, n),
        samples=TRAIN_SAMPLES,
        batch_size=min(1000, rows),
        seed=seed,
        ranks=present(),
    ) as views:
        found = concatenate(views.gather([view.estimate() for view in views]))
    if views.first.undefined is not None:
        return None
    check_numbers(found, views.first.latents, list(views.first.sites), what="training data")
    return found.weighed().bound.mean().item()


def _of_codes(name: str) -> str:
    return (
        f"the codes of {name!r} are not drawn but fixed by the data, so the samples are one: "
        "log p(x) is no more than the ELBO"
    )
