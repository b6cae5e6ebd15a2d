"""The five scores of disentanglement together."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from pyrovae.disentanglement.beta_vae import beta_vae_score
from pyrovae.disentanglement.dci import DCI, dci
from pyrovae.disentanglement.factor_vae import factor_vae_score
from pyrovae.disentanglement.mig import mig
from pyrovae.disentanglement.sap import sap
from pyrovae.disentanglement.score import Array, Score

__all__ = ["DisentanglementScores", "disentanglement_scores"]


@dataclass(frozen=True)
class DisentanglementScores:
    """The scores, each with its error and its protocol.

    Attributes:
        mig: Of `mig`.
        sap: Of `sap`.
        dci: Of `dci`.
        factor_vae: Of `factor_vae_score`.
        beta_vae: Of `beta_vae_score`.
    """

    mig: Score
    sap: Score
    dci: DCI
    factor_vae: Score
    beta_vae: Score

    @property
    def by_name(self) -> dict[str, Score]:
        """The seven numbers by name."""
        return {
            "MIG": self.mig,
            "SAP": self.sap,
            "DCI disentanglement": self.dci.disentanglement,
            "DCI completeness": self.dci.completeness,
            "DCI informativeness": self.dci.informativeness,
            "FactorVAE score": self.factor_vae,
            "BetaVAE score": self.beta_vae,
        }

    def to_dict(self) -> dict[str, Any]:
        """The scores as plain values, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(f"{name:<20} {score}" for name, score in self.by_name.items())


def disentanglement_scores(
    codes: Tensor | Array,
    factors: Tensor | Array,
    *,
    categorical: Sequence[int] = (),
    bins: int = 20,
    trees: int = 20,
    resamples: int = 10,
    seed: int = 0,
) -> DisentanglementScores:
    """MIG, SAP, DCI and the scores of FactorVAE and the beta-VAE, of the same codes.

    Args:
        codes: ``(N, D)``.
        factors: The levels of the factors, integers ``(N, K)``, at least two factors.
        categorical: The positions of factors whose levels are in no order, for SAP.
        bins: How many bins each variable is cut into, for MIG.
        trees: How many trees the forests of DCI have.
        resamples: How often the data are resampled for each error.
        seed: Of all draws.

    Raises:
        ValueError: If codes and factors do not fit, or a number is too small.
    """
    return DisentanglementScores(
        mig=mig(codes, factors, bins=bins, resamples=resamples, seed=seed),
        sap=sap(codes, factors, categorical=categorical, resamples=resamples, seed=seed),
        dci=dci(codes, factors, trees=trees, resamples=resamples, seed=seed),
        factor_vae=factor_vae_score(codes, factors, resamples=resamples, seed=seed),
        beta_vae=beta_vae_score(codes, factors, resamples=resamples, seed=seed),
    )
