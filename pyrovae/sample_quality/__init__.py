"""How samples compare with data, in the features of a network that the user gives.

A network makes `Features` of real data and of samples; every number is one of these features, and
bears the name and version of the network: numbers of different ones do not compare.
"""

from pyrovae.sample_quality.density_coverage import DensityCoverage, density_coverage
from pyrovae.sample_quality.estimate import Estimate
from pyrovae.sample_quality.features import FeatureNetwork, Features
from pyrovae.sample_quality.frechet import FrechetDistance, frechet_distance
from pyrovae.sample_quality.inception import inception
from pyrovae.sample_quality.precision_recall import PrecisionRecall, precision_recall

__all__ = [
    "DensityCoverage",
    "Estimate",
    "FeatureNetwork",
    "Features",
    "FrechetDistance",
    "PrecisionRecall",
    "density_coverage",
    "frechet_distance",
    "inception",
    "precision_recall",
]
