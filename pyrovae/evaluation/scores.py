"""Scores for each datum."""

from dataclasses import dataclass, field

from torch import Tensor

from pyrovae.compilation import Compile
from pyrovae.datasets import Source
from pyrovae.evaluation.codebook import code_counts
from pyrovae.evaluation.columns import ColumnScores
from pyrovae.evaluation.densities import is_density, is_discrete
from pyrovae.evaluation.distrust import impossible
from pyrovae.evaluation.estimates import concatenate
from pyrovae.evaluation.memory import sizes_in_memory
from pyrovae.evaluation.ordered import in_order
from pyrovae.evaluation.passes import one_pass
from pyrovae.evaluation.reading import read_for
from pyrovae.evaluation.same_data import check_same_data
from pyrovae.programs import Program, check_program
from pyrovae.ranks import present, together

__all__ = ["Scores", "score"]


@dataclass(frozen=True, eq=False)
class Scores:
    r"""Scores of each of N data, in nats, in the order of the data; ``(N,)``, double precision.

    Attributes:
        reconstruction: Mean of :math:`\log p(x \mid z)` over draws from the guide.
        elbo: Evidence lower bound, reconstruction minus kl; None if it is undefined.
        kl: KL divergence of the posterior from the prior, by Monte Carlo; None if it is undefined.
        log_likelihood: Importance-sampled :math:`\log p(x)`; None if it is undefined.
        mc_se: Standard error of log_likelihood from the draws (delta method); None if that is
            undefined, and for one draw.
        ess: Effective sample size of log_likelihood, between 1 and S; None if that is undefined.
        pareto_k: The shape of the weights' tail: above 0.7, log_likelihood and mc_se cannot be
            trusted; None if they are undefined, and for fewer than 25 draws.
        samples: Number of draws S for each datum.
        binarization: How the data were binarized; numbers for different protocols cannot be
            compared.
        is_density: Whether the likelihood is a density (or mass) at the data's values. If not, as
            for grey levels under a Bernoulli, the numbers are cross-entropies.
        is_bound: Whether log_likelihood is only a bound, since the codes of a codebook are fixed
            by the data and not drawn.
        by_column: For a table, :math:`\log p(x_d)` of each column on its own, by S draws from the
            prior: how unusual its value is, whatever the other values are. NaN where a value is
            missing.
        undefined: Why the scores that are None are undefined; None if all are defined.
        warnings: Reasons to distrust the numbers, in sentences: numbers that are NaN, and bounds
            that no densities can have.
    """

    reconstruction: Tensor
    elbo: Tensor | None
    kl: Tensor | None
    log_likelihood: Tensor | None
    mc_se: Tensor | None
    ess: Tensor | None
    pareto_k: Tensor | None
    samples: int
    binarization: str
    is_density: bool
    is_bound: bool = False
    by_column: dict[str, Tensor] = field(default_factory=dict)
    undefined: str | None = None
    warnings: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.reconstruction)

    @property
    def columns(self) -> dict[str, Tensor]:
        """All defined scores by name, ``(N,)`` each, as columns of a table with a row per datum."""
        names = ("elbo", "reconstruction", "kl", "log_likelihood", "mc_se", "ess", "pareto_k")
        found = {name: getattr(self, name) for name in names}
        defined = {name: column for name, column in found.items() if column is not None}
        return defined | {f"log_p({name})": scores for name, scores in self.by_column.items()}


@together()
def score(
    model: Program,
    data: Source,
    *,
    samples: int = 1000,
    batch_size: int = 100,
    rows: int | None = None,
    compile: Compile = "auto",
    seed: int = 0,
) -> Scores:
    """Scores each datum: bound, reconstruction, KL and importance-sampled log p(x).

    The mean of each column is what `evaluate` reports with the same arguments. A NaN stays in its
    datum's row, and `Scores.warnings` says how many there are.

    Args:
        model: The program and its guide.
        data: A split, a tensor or array, a ``Dataset``, a ``DataLoader``. A loader that shuffles
            is read in the order of its data set.
        samples: Number of draws S from the guide for each datum.
        batch_size: Number of data processed at a time.
        rows: Number of draws times data in one run of the model, which determines the memory used.
            If left out, as many as take about 1 GiB, but at most 8000; this also limits the number
            of data processed at a time.
        compile: Whether to compile that run; "auto" does so if it would take more than a minute.
        seed: Seed of the draws.

    Returns:
        The scores, in the order of the data. The model and the random state are left unchanged.

    Raises:
        ValueError: If a number is not positive, the data's shape or values do not fit, or the
            program has a global latent or scales a site (pyro.poutine.scale).
    """
    check_program(model)
    split = in_order(read_for(model, data))
    batch_size, rows = sizes_in_memory(model, split, batch_size=batch_size, rows=rows)
    check_same_data(split, present(), batch_size=batch_size)
    parts, density, discrete, codes = [], True, True, False
    columns = ColumnScores(model, samples=samples, seed=seed)
    with one_pass(
        model,
        split,
        samples=samples,
        batch_size=batch_size,
        rows=rows,
        compile=compile,
        seed=seed,
        ranks=present(),
    ) as views:
        for view in views:
            views.first.check_weights()
            parts.append(view.estimate())
            if view.look.undefined is None:
                columns.add(view.look.sites.values())
            codes |= bool(code_counts(view.look.guide_trace))
            density &= all(is_density(site) for site in view.look.sites.values())
            discrete &= all(is_discrete(site) for site in view.look.sites.values())
        found = concatenate(views.gather(parts))
        columns.gather(views.gather)
        kinds = views.ranks.gather((density, discrete, not codes))
    density, discrete, drawn = (all(found_by) for found_by in zip(*kinds, strict=True))
    undefined = views.first.undefined
    defined = undefined is None
    warnings = []
    if defined:
        is_mass = density and discrete
        fault = impossible(found, views.first.latents, samples, is_mass=is_mass)
        warnings = [] if fault is None else [fault]
    odd = int((found.bound if defined else found.reconstruction).isnan().sum())
    if odd:
        warnings.append(f"the scores of {odd} of {len(found.bound)} data are NaN")
    return Scores(
        reconstruction=found.reconstruction,
        elbo=found.bound if defined else None,
        kl=found.reconstruction - found.bound if defined else None,
        log_likelihood=found.log_evidence if defined else None,
        mc_se=found.variance.sqrt() if defined and samples > 1 else None,
        ess=found.ess if defined else None,
        pareto_k=found.pareto_k if defined and not found.pareto_k.isnan().any() else None,
        samples=samples,
        binarization=split.binarization,
        is_density=density,
        is_bound=defined and not drawn,
        by_column=columns.columns,
        undefined=undefined,
        warnings=warnings,
    )
