"""Evaluation: bounds, log-likelihoods with their errors, and reports."""

from pyrovae.evaluation.codebook import CodebookUse
from pyrovae.evaluation.elbo import Bound, elbo
from pyrovae.evaluation.log_likelihood import LogLikelihood, log_likelihood
from pyrovae.evaluation.report import Report, evaluate

__all__ = ["Bound", "CodebookUse", "LogLikelihood", "Report", "elbo", "evaluate", "log_likelihood"]
