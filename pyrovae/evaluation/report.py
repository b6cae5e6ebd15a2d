"""The report on a trained model: its numbers, and how they are printed."""

from dataclasses import asdict, dataclass, field
from typing import Any

from pyrovae.evaluation.codebook import CodebookUse
from pyrovae.evaluation.distrust import IMPOSSIBLE
from pyrovae.evaluation.errors import words
from pyrovae.evaluation.log_likelihood import LogLikelihood
from pyrovae.evaluation.pareto import TRUSTED_K
from pyrovae.evaluation.variables import LatentVariables

__all__ = ["Report"]


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
            whose variance over the data exceeds 0.01 (Burda et al., 2016), without what the draws
            add to it where the mean has no closed form. Empty for one datum, of which there is no
            variance.
        units: For each latent site, how many variables it has.
        train_elbo: Mean bound on as many training data, where these were given.
        bits_per_dim: The log-likelihood as bits for each observed variable, -log p(x) / (D ln 2)
            where none of D is missing, if the likelihood is one of discrete data; else None.
        undefined: Why bound, KL and log-likelihood are undefined; None if they are not.
        codebooks: For each latent site that has one, how much of its codebook is in use; of each
            stage, where it has several.
        columns: Of a table, log p(x_d) of each column by itself, mean over the data that have a
            value there, by S draws from the prior. Their sum differs from the log-likelihood by
            what the columns tell of one another.
        variables: Of each latent site the KL of each of its variables, and which are active.
        site_kls: What each latent site adds to kl; empty where that is undefined.
        data_se: Standard errors from the data of ``elbo``, ``reconstruction`` and ``kl``, of those
            that are defined; None for one datum, or where a datum's is infinite.
        wider: By how much the guide was widened for the log-likelihood; None for the guide itself.
        warnings: What to distrust, in sentences; a bound that is impossible first.
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
    columns: dict[str, float] = field(default_factory=dict)
    variables: dict[str, LatentVariables] = field(default_factory=dict)
    site_kls: dict[str, float] = field(default_factory=dict)
    data_se: dict[str, float | None] = field(default_factory=dict)
    wider: float | None = None
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
        capitals = [warning for warning in self.warnings if warning.startswith(IMPOSSIBLE)]
        others = [f"  warning: {w}" for w in self.warnings if w not in capitals]
        return "\n".join([*capitals, *self._bound(), *self._evidence(), *self._latents(), *others])

    def _bound(self) -> list[str]:
        lines = [
            f"{self.data} data, binarization {self.binarization}; nats per datum",
            f"  ELBO             {_number(self.elbo)}",
            f"  reconstruction   {_number(self.reconstruction)}",
            f"  KL               {_number(self.kl)}",
        ]
        if len(self.site_kls) > 1:
            parts = ", ".join(f"{kl:.3f} in {name}" for name, kl in self.site_kls.items())
            lines.append(f"  KL by latent     {parts}")
        return lines

    def _evidence(self) -> list[str]:
        ll = self.log_likelihood
        what = "log-likelihood" if self.is_density else "cross-entropy, not a log-likelihood"
        if ll is None:
            lines = [f"  log p(x)         {_number(None)}", f"  undefined: {self.undefined}"]
            told = "  the reconstruction is no log-likelihood"
            return lines if self.is_density else [*lines, told]
        errors = f"S = {ll.samples}, mc_se {words(ll.mc_se)}, data_se {words(ll.data_se)}"
        if self.wider is not None:
            errors = f"with a guide {self.wider:g} times as wide, {errors}"
        lines = [f"  log p(x)         {_number(ll.value)}  ({errors}; {what})"]
        if self.bits_per_dim is not None:
            lines.append(f"  bits per dim     {_number(self.bits_per_dim)}  (of log p(x))")
        ess = f"{ll.ess:.1f} (median; 5 % of the data below {ll.ess_low:.1f})"
        lines.append(f"  effective sample size {ess}")
        if ll.heavy is not None and ll.growth is not None:
            share = f"{100 * ll.heavy:.0f} % of the data"
            lines.append(
                f"  heavy tail       {share} (Pareto k above {TRUSTED_K}); "
                f"{ll.growth:.3f} nats gained from S / 2 to S"
            )
        if self.columns:
            parts = ", ".join(f"{value:.3f} {name}" for name, value in self.columns.items())
            lines.append(f"  by column        {parts}  (each by itself)")
        return lines

    def _latents(self) -> list[str]:
        lines = []
        units = ", ".join(
            f"{n} of {self.units[name]} in {name}" for name, n in self.active_units.items()
        )
        if self.units:
            lines.append(f"  active units     {units or ' undefined'}")
        for name, variables in self.variables.items():
            if variables.kl is not None and len(variables.kl) > 1:
                lines.append(f"  KL by variable   {variables}  (of {name})")
        for name, use in self.codebooks.items():
            taken = f"{use.codes - use.dead} of {use.codes} codes taken"
            lines.append(f"  codebook of {name}    {taken}, perplexity {use.perplexity:.1f}")
        if self.train_elbo is not None:
            lines.append(f"  ELBO on train    {self.train_elbo:10.3f}  (gap {self.gap:.3f})")
        return lines


def _number(value: float | None) -> str:
    return " undefined" if value is None else f"{value:10.3f}"
