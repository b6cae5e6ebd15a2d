"""Amortised posteriors q(z|x)."""

from pyrovae.posteriors.base import Posterior
from pyrovae.posteriors.categorical import CategoricalPosterior
from pyrovae.posteriors.full_normal import FullNormalPosterior
from pyrovae.posteriors.gamma import GammaPosterior
from pyrovae.posteriors.householder import HouseholderPosterior
from pyrovae.posteriors.hyperbolic import RiemannianNormalPosterior, WrappedNormalPosterior
from pyrovae.posteriors.iaf import IAFPosterior
from pyrovae.posteriors.low_rank_normal import LowRankNormalPosterior
from pyrovae.posteriors.mixture import MixtureOfProductsPosterior, MixturePosterior
from pyrovae.posteriors.normal import NormalPosterior
from pyrovae.posteriors.planar import PlanarPosterior
from pyrovae.posteriors.power_spherical import PowerSphericalPosterior
from pyrovae.posteriors.product import ProductPosterior
from pyrovae.posteriors.quantized import QuantizedPosterior
from pyrovae.posteriors.relaxed_categorical import RelaxedCategoricalPosterior
from pyrovae.posteriors.sylvester import SylvesterPosterior
from pyrovae.posteriors.vector_quantized import VectorQuantizedPosterior
from pyrovae.posteriors.von_mises import VonMisesPosterior

__all__ = [
    "CategoricalPosterior",
    "FullNormalPosterior",
    "GammaPosterior",
    "HouseholderPosterior",
    "IAFPosterior",
    "LowRankNormalPosterior",
    "MixtureOfProductsPosterior",
    "MixturePosterior",
    "NormalPosterior",
    "PlanarPosterior",
    "Posterior",
    "PowerSphericalPosterior",
    "ProductPosterior",
    "QuantizedPosterior",
    "RelaxedCategoricalPosterior",
    "RiemannianNormalPosterior",
    "SylvesterPosterior",
    "VectorQuantizedPosterior",
    "VonMisesPosterior",
    "WrappedNormalPosterior",
]
