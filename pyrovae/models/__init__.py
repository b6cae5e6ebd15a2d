"""Models: a generative program together with its guide."""

from pyrovae.latents import Undefined
from pyrovae.models.autoencoder import Autoencoder
from pyrovae.models.base import LatentVariableModel
from pyrovae.models.categorical import CategoricalVAE
from pyrovae.models.conditional import ConditionalVAE
from pyrovae.models.density import Density
from pyrovae.models.hierarchical import HierarchicalModel, HierarchicalVAE
from pyrovae.models.ladder import LadderVAE
from pyrovae.models.missing import MissingDataVAE
from pyrovae.models.mixed import MixedVAE
from pyrovae.models.multimodal import MultimodalVAE
from pyrovae.models.new_classes import add_classes
from pyrovae.models.semisupervised import SemiSupervisedVAE
from pyrovae.models.topdown import TopDownVAE
from pyrovae.models.topdown_blocks import ResidualNormalBlock, TopDownBlock, TopDownLayer
from pyrovae.models.vae import VAE
from pyrovae.models.weighted import Weighted

__all__ = [
    "VAE",
    "Autoencoder",
    "CategoricalVAE",
    "ConditionalVAE",
    "Density",
    "HierarchicalModel",
    "HierarchicalVAE",
    "LadderVAE",
    "LatentVariableModel",
    "MissingDataVAE",
    "MixedVAE",
    "MultimodalVAE",
    "ResidualNormalBlock",
    "SemiSupervisedVAE",
    "TopDownBlock",
    "TopDownLayer",
    "TopDownVAE",
    "Undefined",
    "Weighted",
    "add_classes",
]
