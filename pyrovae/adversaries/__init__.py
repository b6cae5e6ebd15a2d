"""Adversaries: networks that are trained against a model, in the same step."""

from pyrovae.adversaries.base import Adversary
from pyrovae.adversaries.features import FeatureAdversary
from pyrovae.adversaries.patches import PatchAdversary
from pyrovae.adversaries.prior import PriorAdversary
from pyrovae.adversaries.seen import Seen
from pyrovae.adversaries.total_correlation import TotalCorrelationAdversary

__all__ = [
    "Adversary",
    "FeatureAdversary",
    "PatchAdversary",
    "PriorAdversary",
    "Seen",
    "TotalCorrelationAdversary",
]
