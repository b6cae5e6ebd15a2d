"""Evaluation: bounds, log-likelihoods with their errors, and reports."""

from pyrovae.evaluation.elbo import Bound, elbo
from pyrovae.evaluation.log_likelihood import LogLikelihood, log_likelihood
from pyrovae.evaluation.report import Report, evaluate

__all__ = ["Bound", "LogLikelihood", "Report", "elbo", "evaluate", "log_likelihood"]
