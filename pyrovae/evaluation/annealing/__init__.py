"""Annealed importance sampling: bounds of log p(x) that do not need the guide."""

from pyrovae.evaluation.annealing.bounds import annealed_log_likelihood, bidirectional
from pyrovae.evaluation.annealing.results import AnnealedBound, Sandwich

__all__ = ["AnnealedBound", "Sandwich", "annealed_log_likelihood", "bidirectional"]
