"""Models: a generative program and its guide."""

from pyrovae.models.base import LatentVariableModel
from pyrovae.models.categorical import CategoricalVAE
from pyrovae.models.conditional import ConditionalVAE
from pyrovae.models.hierarchical import HierarchicalModel, HierarchicalVAE
from pyrovae.models.ladder import LadderVAE
from pyrovae.models.missing import MissingDataVAE
from pyrovae.models.semisupervised import SemiSupervisedVAE
from pyrovae.models.vae import VAE

__all__ = [
    "VAE",
    "CategoricalVAE",
    "ConditionalVAE",
    "HierarchicalModel",
    "HierarchicalVAE",
    "LadderVAE",
    "LatentVariableModel",
    "MissingDataVAE",
    "SemiSupervisedVAE",
]
