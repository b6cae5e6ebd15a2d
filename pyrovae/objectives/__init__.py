"""Objectives: lower bounds on the evidence and their gradient estimators."""

from pyrovae.objectives.analytic_kl import AnalyticKLELBO
from pyrovae.objectives.base import Objective
from pyrovae.objectives.beta import BetaELBO
from pyrovae.objectives.elbo import ELBO
from pyrovae.objectives.importance_weighted import ImportanceWeightedELBO
from pyrovae.objectives.particles import LogWeights, ParticleObjective, log_weights

__all__ = [
    "ELBO",
    "AnalyticKLELBO",
    "BetaELBO",
    "ImportanceWeightedELBO",
    "LogWeights",
    "Objective",
    "ParticleObjective",
    "log_weights",
]
