"""Amortised posteriors q(z|x)."""

from pyrovae.posteriors.base import Posterior
from pyrovae.posteriors.low_rank_normal import LowRankNormalPosterior
from pyrovae.posteriors.normal import NormalPosterior

__all__ = ["LowRankNormalPosterior", "NormalPosterior", "Posterior"]
