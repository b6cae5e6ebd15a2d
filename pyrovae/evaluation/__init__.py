"""Evaluation: bounds, log-likelihoods with their errors, and reports."""

from pyrovae.evaluation.codebook import CodebookUse
from pyrovae.evaluation.elbo import Bound, elbo
from pyrovae.evaluation.gaps import InferenceGap, Mean, inference_gap
from pyrovae.evaluation.log_likelihood import LogLikelihood, log_likelihood
from pyrovae.evaluation.refined import refined_posterior
from pyrovae.evaluation.report import Report, evaluate

__all__ = [
    "Bound",
    "CodebookUse",
    "InferenceGap",
    "LogLikelihood",
    "Mean",
    "Report",
    "elbo",
    "evaluate",
    "inference_gap",
    "log_likelihood",
    "refined_posterior",
]
