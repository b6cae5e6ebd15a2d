"""Likelihoods p(x|z)."""

from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.bernoulli import BernoulliLikelihood
from pyrovae.likelihoods.continuous_bernoulli import ContinuousBernoulliLikelihood
from pyrovae.likelihoods.normal import NormalLikelihood

__all__ = [
    "BernoulliLikelihood",
    "ContinuousBernoulliLikelihood",
    "Likelihood",
    "NormalLikelihood",
]
