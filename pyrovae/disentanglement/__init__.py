"""How far each variable of a code stands for one factor of the data: five published scores.

All take codes, ``(N, D)``, such as the posterior's means that `pyrovae.evaluation.encode` gives,
and the levels of the known factors that the data were made of, integers ``(N, K)``, such as
`pyrovae.datasets.sprites` keeps. Every `Score` says by which protocol it was found, and its error.
"""

from pyrovae.disentanglement.beta_vae import beta_vae_score
from pyrovae.disentanglement.dci import DCI, dci
from pyrovae.disentanglement.factor_vae import factor_vae_score
from pyrovae.disentanglement.mig import mig
from pyrovae.disentanglement.sap import sap
from pyrovae.disentanglement.score import Score
from pyrovae.disentanglement.scores import DisentanglementScores, disentanglement_scores

__all__ = [
    "DCI",
    "DisentanglementScores",
    "Score",
    "beta_vae_score",
    "dci",
    "disentanglement_scores",
    "factor_vae_score",
    "mig",
    "sap",
]
