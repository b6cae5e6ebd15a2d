"""Priors p(z)."""

from pyrovae.priors.base import Prior
from pyrovae.priors.mixture import MixturePrior
from pyrovae.priors.normal import NormalPrior
from pyrovae.priors.vamp import VampPrior

__all__ = ["MixturePrior", "NormalPrior", "Prior", "VampPrior"]
