"""Models: a generative program and its guide."""

from pyrovae.models.autoencoder import Autoencoder
from pyrovae.models.base import LatentVariableModel, Undefined
from pyrovae.models.categorical import CategoricalVAE
from pyrovae.models.density import Density
from pyrovae.models.mixed import MixedVAE
from pyrovae.models.vae import VAE

__all__ = [
    "VAE",
    "Autoencoder",
    "CategoricalVAE",
    "Density",
    "LatentVariableModel",
    "MixedVAE",
    "Undefined",
]
