"""The report on a trained model: its numbers, and how they are printed."""

from dataclasses import asdict, dataclass, field
from typing import Any

from pyrovae.evaluation.codebook import CodebookUse
from pyrovae.evaluation.distrust import IMPOSSIBLE
from pyrovae.evaluation.errors import words
from pyrovae.evaluation.log_likelihood import LogLikelihood
from pyrovae.evaluation.pareto import TRUSTED_K
from pyrovae.evaluation.variables import LatentVariables

__all__ = ["Report", "kind_of_number"]


@dataclass(frozen=True)
class Report:
    """The result of `evaluate`, in nats per datum.

    Attributes:
        data: Number of data.
        binarization: How the data were binarized; numbers for different protocols cannot be
            compared.
        elbo: Mean evidence lower bound, reconstruction minus kl. None if it is undefined.
        reconstruction: Mean log-likelihood of the data given draws from the posterior.
        kl: Mean KL divergence of the posterior from the prior, by Monte Carlo. None if it is
            undefined.
        log_likelihood: Importance-sampled log-likelihood with its errors. None if it is undefined.
            With codes, which are not drawn, it is only a bound; see `is_bound`.
        is_density: Whether the likelihood is a density (or mass) at the data's values. If not, as
            for grey levels under a Bernoulli, the numbers are cross-entropies.
        active_units: For each latent site, the number of its variables whose posterior mean has a
            variance above 0.01 over the data (Burda et al., 2016). If the mean has no closed form,
            the variance of the draws is subtracted. Empty for one datum, which has no variance.
        units: For each latent site, the number of its variables.
        train_elbo: Mean bound on as many training data, if these were given.
        bits_per_dim: The log-likelihood in bits for each observed variable, -log p(x) / (D ln 2)
            if none of the D variables is missing. None unless the likelihood is one of discrete
            data.
        undefined: Why bound, KL and log-likelihood are undefined; None if they are defined.
        codebooks: For each latent site with a codebook, how much of it is used; with several
            stages, for each stage.
        columns: For a table, log p(x_d) of each column on its own, by S draws from the prior, as a
            mean over the data that have a value there. Their sum differs from the log-likelihood
            by the information that the columns share.
        variables: For each latent site, the KL of each of its variables, and which are active.
        site_kls: What each latent site contributes to kl; empty if kl is undefined.
        data_se: Standard errors from the data of ``elbo``, ``reconstruction`` and ``kl``, as far
            as these are defined; None for one datum, or if the value of a datum is infinite.
        wider: The factor by which the guide was widened for the log-likelihood; None for the guide
            itself.
        warnings: Reasons to distrust the numbers, in sentences; an impossible bound comes first.
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
        """How much the bound on training data exceeds the bound on these data."""
        if self.train_elbo is None or self.elbo is None:
            return None
        return self.train_elbo - self.elbo

    @property
    def is_bound(self) -> bool:
        """Whether ``log_likelihood`` is only a bound, since codes are fixed and not drawn."""
        return bool(self.codebooks) and self.log_likelihood is not None

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain values, for JSON."""
        return asdict(self) | {"gap": self.gap, "is_bound": self.is_bound}

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
        what = kind_of_number(is_density=self.is_density, is_bound=self.is_bound)
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


def kind_of_number(*, is_density: bool, is_bound: bool) -> str:
    """What a number called log p(x) is.

    Args:
        is_density: Whether the likelihood is a density at the data's values.
        is_bound: Whether more draws cannot bring the number closer to the log-likelihood.
    """
    if not is_density:
        return "cross-entropy, not a log-likelihood"
    return "bound, not a log-likelihood" if is_bound else "log-likelihood"


def _number(value: float | None) -> str:
    return " undefined" if value is None else f"{value:10.3f}"
