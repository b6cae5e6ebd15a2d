"""Evaluation: bounds, log-likelihoods with their errors, scores, codes, and reports."""

from pyrovae.evaluation.annealing import (
    AnnealedBound,
    Sandwich,
    annealed_log_likelihood,
    bidirectional,
)
from pyrovae.evaluation.codebook import CodebookUse
from pyrovae.evaluation.decomposition import KLDecomposition, kl_decomposition
from pyrovae.evaluation.elbo import Bound, elbo
from pyrovae.evaluation.encode import Moments, encode
from pyrovae.evaluation.evaluate import evaluate
from pyrovae.evaluation.gaps import InferenceGap, Mean, inference_gap
from pyrovae.evaluation.log_likelihood import (
    LogLikelihood,
    PointwiseLogLikelihood,
    log_likelihood,
)
from pyrovae.evaluation.refined import refined_posterior
from pyrovae.evaluation.report import Report
from pyrovae.evaluation.scores import Scores, score
from pyrovae.evaluation.variables import LatentVariables, latent_variables
from pyrovae.evaluation.wider import wider

__all__ = [
    "AnnealedBound",
    "Bound",
    "CodebookUse",
    "InferenceGap",
    "KLDecomposition",
    "LatentVariables",
    "LogLikelihood",
    "Mean",
    "Moments",
    "PointwiseLogLikelihood",
    "Report",
    "Sandwich",
    "Scores",
    "annealed_log_likelihood",
    "bidirectional",
    "elbo",
    "encode",
    "evaluate",
    "inference_gap",
    "kl_decomposition",
    "latent_variables",
    "log_likelihood",
    "refined_posterior",
    "score",
    "wider",
]
