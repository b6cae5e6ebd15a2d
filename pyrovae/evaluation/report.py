"""The report on a trained model: bounds, log-likelihood, latents, and what to distrust."""

from dataclasses import asdict, dataclass, field
from math import log
from typing import Any

import torch
from torch import Tensor

from pyrovae.compilation import Compile
from pyrovae.datasets import Split, as_split
from pyrovae.distributions import observed_values
from pyrovae.distributions.unwrap import unwrapped
from pyrovae.evaluation.codebook import CodebookUse, code_counts, summarize_use
from pyrovae.evaluation.draws import Sampler, observe
from pyrovae.evaluation.elbo import elbo
from pyrovae.evaluation.log_likelihood import ImportanceSampling, LogLikelihood, summarize
from pyrovae.evaluation.support import check_support
from pyrovae.handlers import latent_means, tensors_taken
from pyrovae.nn.modes import evaluation_mode
from pyrovae.scope import isolated, without_validation

__all__ = ["Report", "evaluate"]

ACTIVE_VARIANCE = 0.01
SMALL_ESS = 10


@dataclass(frozen=True)
class Report:
    """What `evaluate` found, in nats per datum.

    Attributes:
        data: Number of data.
        binarization: Protocol of the data's values; numbers of different protocols do not
            compare.
        elbo: Mean evidence lower bound; reconstruction minus kl. None where it is undefined.
        reconstruction: Mean log-likelihood of the data given draws of the posterior.
        kl: Mean KL divergence of the posterior from the prior, by Monte Carlo. None
            where it is undefined.
        log_likelihood: Importance-sampled log-likelihood with its errors. None where it is
            undefined.
        is_density: Whether the likelihood is a density (or mass) at the data's values. If not,
            as for grey levels under a Bernoulli, the numbers are cross-entropies.
        active_units: For each latent site, how many of its variables have a posterior mean
            whose variance over the data exceeds 0.01 (Burda et al., 2016).
        units: For each latent site, how many variables it has.
        train_elbo: Mean bound on as many training data, where these were given.
        bits_per_dim: The log-likelihood as bits for each observed variable, -log p(x) / (D ln 2)
            where none of D is missing, if the likelihood is one of discrete data; else None.
        undefined: Why bound, KL and log-likelihood are undefined; None if they are not.
        codebooks: For each latent site that has one, how much of its codebook is in use.
        warnings: What to distrust, in sentences.
    """

    data: int
    binarization: str
    elbo: float | None
    reconstruction: float
    kl: float | None
    log_likelihood: LogLikelihood | None
    is_density: bool
    active_units: dict[str, int]
    units: dict[str, int]
    train_elbo: float | None = None
    bits_per_dim: float | None = None
    undefined: str | None = None
    codebooks: dict[str, CodebookUse] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def gap(self) -> float | None:
        """By how much the bound on training data exceeds that on these."""
        if self.train_elbo is None or self.elbo is None:
            return None
        return self.train_elbo - self.elbo

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        return asdict(self) | {"gap": self.gap}

    def __str__(self) -> str:
        lines = [
            f"{self.data} data, binarization {self.binarization}; nats per datum",
            f"  ELBO             {_number(self.elbo)}",
            f"  reconstruction   {_number(self.reconstruction)}",
            f"  KL               {_number(self.kl)}",
        ]
        ll = self.log_likelihood
        what = "log-likelihood" if self.is_density else "cross-entropy, not a log-likelihood"
        if ll is None:
            lines.append(f"  log p(x)         {_number(None)}")
            lines.append(f"  undefined: {self.undefined}")
            if not self.is_density:
                lines.append(f"  the reconstruction is a {what}")
        else:
            errors = f"S = {ll.samples}, mc_se {ll.mc_se:.3f}, data_se {ll.data_se:.3f}"
            lines.append(f"  log p(x)         {_number(ll.value)}  ({errors}; {what})")
            if self.bits_per_dim is not None:
                lines.append(f"  bits per dim     {_number(self.bits_per_dim)}  (of log p(x))")
            lines.append(
                f"  effective sample size {ll.ess:.1f} "
                f"(median; 5 % of the data below {ll.ess_low:.1f})"
            )
        units = ", ".join(
            f"{n} of {self.units[name]} in {name}" for name, n in self.active_units.items()
        )
        if units:
            lines.append(f"  active units     {units}")
        for name, use in self.codebooks.items():
            taken = f"{use.codes - use.dead} of {use.codes} codes taken"
            lines.append(f"  codebook of {name}    {taken}, perplexity {use.perplexity:.1f}")
        if self.train_elbo is not None:
            lines.append(f"  ELBO on train    {self.train_elbo:10.3f}  (gap {self.gap:.3f})")
        return "\n".join([*lines, *(f"  warning: {warning}" for warning in self.warnings)])


@torch.no_grad()
def evaluate(
    model: Any,
    data: Any,
    *,
    train: Any = None,
    samples: int = 1000,
    batch_size: int = 100,
    rows: int = 8000,
    compile: Compile = "auto",
    seed: int = 0,
) -> Report:
    """Reports on a model: nothing of the model, its modes or any random state is changed.

    Args:
        model: An object with ``model``, ``guide`` and ``parameters()``.
        data: Data to report on: a split, a tensor, a ``Dataset``, a ``DataLoader``.
        train: Training data, to report the gap between the bounds.
        samples: Draws S from the guide for each datum.
        batch_size: Data at a time.
        rows: Draws times data in one run of the model, which sets the memory used.
        compile: Whether to compile that run; "auto" does so where it would take a minute and more.
            On Linux a process that has compiled keeps up to 256 MiB of freed memory.
        seed: Seed of the draws.

    Raises:
        ValueError: If an argument is not positive, the data's shape or values do not fit, or the
            program has a global latent.
    """
    for name, value in (("samples", samples), ("batch_size", batch_size), ("rows", rows)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    fields = tensors_taken(model.model)
    split = as_split(data, fields=fields)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    check_support(model, split, device)
    first = None
    if train is not None:
        first = _first(as_split(train, fields=fields), len(split), seed, device)
        check_support(model, first, device)
    sums = torch.zeros(2, dtype=torch.float64)
    estimates: list[ImportanceSampling] = []
    means: dict[str, list[Tensor]] = {}
    counts: dict[str, Tensor] = {}
    is_density = is_discrete = True
    dimensions = 0
    reason: str | None = None
    draw = Sampler(model, samples, rows=rows, data=len(split), compile=compile)
    with isolated(device, seed), evaluation_mode(model), without_validation():
        for batch in split.batches(batch_size, device=device):
            estimate = ImportanceSampling(len(batch[0]))
            for draws in draw(batch):
                estimate.add(draws.log_weights)
                parts = torch.stack([draws.log_weights.sum(), draws.reconstruction.sum()])
                sums += parts.cpu().double()
            estimates.append(estimate)
            with isolated(device, seed):
                sites, reason = observe(model, batch)
            is_density &= all(_is_density(site) for site in sites.values())
            is_discrete &= all(_is_discrete(site) for site in sites.values())
            dimensions += sum(_observed(site).numel() for site in sites.values())
            for name, mean in latent_means(model.guide, *batch).items():
                means.setdefault(name, []).append(mean.flatten(1))
            for name, count in code_counts(model.guide, *batch).items():
                counts[name] = counts.get(name, 0) + count.cpu()
    bound, reconstruction = (sums / (samples * len(split))).tolist()
    active = {name: _active_units(torch.cat(values)) for name, values in means.items()}
    units = {name: values[0].shape[1] for name, values in means.items()}
    likelihood = summarize(estimates) if reason is None else None
    kl = reconstruction - bound if reason is None else None
    return Report(
        data=len(split),
        binarization=split.binarization,
        elbo=bound if reason is None else None,
        reconstruction=reconstruction,
        kl=kl,
        log_likelihood=likelihood,
        is_density=is_density,
        active_units=active,
        units=units,
        train_elbo=None
        if first is None
        else elbo(model, first, samples=10, seed=seed, device=device).elbo,
        bits_per_dim=-likelihood.value * len(split) / (dimensions * log(2))
        if likelihood is not None and is_density and is_discrete and dimensions
        else None,
        undefined=reason,
        codebooks={name: summarize_use(count) for name, count in counts.items()},
        warnings=[*_distrust(likelihood, active, kl), *map(_of_codes, counts)],
    )


def _number(value: float | None) -> str:
    return " undefined" if value is None else f"{value:10.3f}"


def _is_density(site: Any) -> bool:
    """Whether the site's distribution is normalised over a set that holds all its values."""
    normalized = getattr(unwrapped(site["fn"]), "normalized_support", None)
    return normalized is None or bool(normalized.check(_observed(site)).all())


def _is_discrete(site: Any) -> bool:
    """Whether the set over which the site's distribution is normalised is discrete."""
    fn: Any = unwrapped(site["fn"])
    try:
        support = getattr(fn, "normalized_support", fn.support)
    except NotImplementedError:  # a distribution need not say
        return False
    return bool(support.is_discrete)


def _observed(site: Any) -> Tensor:
    """The values of the site that count in its density."""
    return observed_values(site["fn"], site["value"])


def _active_units(means: Tensor) -> int:
    return int((means.var(0, correction=0) > ACTIVE_VARIANCE).sum())


def _distrust(
    likelihood: LogLikelihood | None, active: dict[str, int], kl: float | None
) -> list[str]:
    warnings = []
    # Of few draws even equal weights make a small number, and no reason to distrust it.
    if likelihood is not None and likelihood.ess < min(SMALL_ESS, likelihood.samples / 2):
        warnings.append(
            f"half of the data have an effective sample size below {likelihood.ess:.1f} of "
            f"{likelihood.samples} draws: log p(x) is biased low and its mc_se too small; "
            "take more samples"
        )
    for name, count in active.items():
        if count == 0:
            known = "" if kl is None else f" (KL {kl:.3f})"
            warnings.append(
                f"the posterior of {name!r} has collapsed: its mean is the same for all data"
                f"{known}; a warm-up of beta or a weaker decoder may help"
            )
    return warnings


def _of_codes(name: str) -> str:
    return (
        f"the codes of {name!r} are not drawn but fixed by the data, so the samples are one: "
        "log p(x) is no more than the ELBO"
    )


def _first(train: Split, n: int, seed: int, device: torch.device) -> Split:
    """The first training data, as many as there are data to compare with."""
    with isolated(device, seed):
        return as_split(train.take(min(n, len(train))))
