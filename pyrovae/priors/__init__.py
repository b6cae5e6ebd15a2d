"""Priors p(z)."""

from pyrovae.priors.autoregressive_codes import (
    AutoregressiveCodePrior,
    PixelCNNCodePrior,
    TransformerCodePrior,
)
from pyrovae.priors.base import Prior
from pyrovae.priors.categorical import CategoricalPrior
from pyrovae.priors.categorical_codes import CategoricalCodePrior
from pyrovae.priors.distribution import DistributionPrior
from pyrovae.priors.exemplar import ExemplarPrior
from pyrovae.priors.flow import FlowPrior
from pyrovae.priors.gamma import GammaPrior
from pyrovae.priors.hyperbolic import RiemannianNormalPrior, WrappedNormalPrior
from pyrovae.priors.mixture import MixturePrior
from pyrovae.priors.normal import NormalPrior
from pyrovae.priors.relaxed_categorical import RelaxedCategoricalPrior
from pyrovae.priors.sphere import UniformSpherePrior
from pyrovae.priors.two_stage import TwoStagePrior
from pyrovae.priors.vamp import VampPrior
from pyrovae.priors.von_mises import VonMisesPrior

__all__ = [
    "AutoregressiveCodePrior",
    "CategoricalCodePrior",
    "CategoricalPrior",
    "DistributionPrior",
    "ExemplarPrior",
    "FlowPrior",
    "GammaPrior",
    "MixturePrior",
    "NormalPrior",
    "PixelCNNCodePrior",
    "Prior",
    "RelaxedCategoricalPrior",
    "RiemannianNormalPrior",
    "TransformerCodePrior",
    "TwoStagePrior",
    "UniformSpherePrior",
    "VampPrior",
    "VonMisesPrior",
    "WrappedNormalPrior",
]
