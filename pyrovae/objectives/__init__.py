"""Objectives: lower bounds on the evidence and their gradient estimators."""

from pyrovae.objectives.analytic_kl import AnalyticKLELBO
from pyrovae.objectives.annealed import AnnealedELBO
from pyrovae.objectives.base import Objective
from pyrovae.objectives.beta import BetaELBO
from pyrovae.objectives.capacity import CapacityELBO
from pyrovae.objectives.classification import ClassificationELBO
from pyrovae.objectives.combined_importance_weighted import CombinedImportanceWeightedELBO
from pyrovae.objectives.dip import DIPELBO
from pyrovae.objectives.distance import DistanceObjective
from pyrovae.objectives.doubly_reparameterized import DoublyReparameterizedELBO
from pyrovae.objectives.dynamics import DynamicsObjective
from pyrovae.objectives.elbo import ELBO
from pyrovae.objectives.entropy_quantized import EntropyQuantizedELBO
from pyrovae.objectives.enumerated import EnumeratedELBO
from pyrovae.objectives.free_bits import FreeBitsELBO
from pyrovae.objectives.hamiltonian import HamiltonianELBO
from pyrovae.objectives.importance_weighted import ImportanceWeightedELBO
from pyrovae.objectives.leaves import LeafObjective
from pyrovae.objectives.mmd import MMDELBO
from pyrovae.objectives.multiply_importance_weighted import MultiplyImportanceWeightedELBO
from pyrovae.objectives.partially_importance_weighted import PartiallyImportanceWeightedELBO
from pyrovae.objectives.particles import LogWeights, ParticleObjective, log_weights
from pyrovae.objectives.regularized import RegularizedELBO
from pyrovae.objectives.renyi import RenyiELBO
from pyrovae.objectives.reweighted_wake_sleep import ReweightedWakeSleep
from pyrovae.objectives.sliced_wasserstein import SlicedWassersteinELBO
from pyrovae.objectives.sticking_the_landing import StickingTheLandingELBO
from pyrovae.objectives.stratified import StratifiedELBO
from pyrovae.objectives.subsets import SubsetsELBO
from pyrovae.objectives.tempered import TemperedELBO
from pyrovae.objectives.thermodynamic import ThermodynamicELBO
from pyrovae.objectives.total_correlation import TotalCorrelationELBO
from pyrovae.objectives.vector_quantized import VectorQuantizedELBO
from pyrovae.objectives.vimco import VIMCO
from pyrovae.objectives.weights import Weight
from pyrovae.objectives.wrapped import WrappedELBO

__all__ = [
    "DIPELBO",
    "ELBO",
    "MMDELBO",
    "VIMCO",
    "AnalyticKLELBO",
    "AnnealedELBO",
    "BetaELBO",
    "CapacityELBO",
    "ClassificationELBO",
    "CombinedImportanceWeightedELBO",
    "DistanceObjective",
    "DoublyReparameterizedELBO",
    "DynamicsObjective",
    "EntropyQuantizedELBO",
    "EnumeratedELBO",
    "FreeBitsELBO",
    "HamiltonianELBO",
    "ImportanceWeightedELBO",
    "LeafObjective",
    "LogWeights",
    "MultiplyImportanceWeightedELBO",
    "Objective",
    "PartiallyImportanceWeightedELBO",
    "ParticleObjective",
    "RegularizedELBO",
    "RenyiELBO",
    "ReweightedWakeSleep",
    "SlicedWassersteinELBO",
    "StickingTheLandingELBO",
    "StratifiedELBO",
    "SubsetsELBO",
    "TemperedELBO",
    "ThermodynamicELBO",
    "TotalCorrelationELBO",
    "VectorQuantizedELBO",
    "Weight",
    "WrappedELBO",
    "log_weights",
]
