"""Likelihoods p(x|z)."""

from pyrovae.likelihoods.autoregressive import PixelCNNLikelihood, TransformerLikelihood
from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.bernoulli import BernoulliLikelihood
from pyrovae.likelihoods.beta import BetaLikelihood
from pyrovae.likelihoods.categorical import CategoricalLikelihood
from pyrovae.likelihoods.columns import ColumnsLikelihood
from pyrovae.likelihoods.continuous_bernoulli import ContinuousBernoulliLikelihood
from pyrovae.likelihoods.discretized_logistic import DiscretizedLogisticLikelihood
from pyrovae.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixtureLikelihood
from pyrovae.likelihoods.hyperbolic_secant import HyperbolicSecantLikelihood
from pyrovae.likelihoods.laplace import LaplaceLikelihood
from pyrovae.likelihoods.multinomial import MultinomialLikelihood
from pyrovae.likelihoods.negative_binomial import NegativeBinomialLikelihood
from pyrovae.likelihoods.normal import NormalLikelihood
from pyrovae.likelihoods.offset import OffsetLikelihood
from pyrovae.likelihoods.perceptual import PerceptualLikelihood
from pyrovae.likelihoods.poisson import PoissonLikelihood
from pyrovae.likelihoods.structural_similarity import StructuralSimilarityLikelihood
from pyrovae.likelihoods.student_t import StudentTLikelihood
from pyrovae.likelihoods.tokens import TokensLikelihood
from pyrovae.likelihoods.zero_inflated import ZeroInflatedLikelihood

__all__ = [
    "BernoulliLikelihood",
    "BetaLikelihood",
    "CategoricalLikelihood",
    "ColumnsLikelihood",
    "ContinuousBernoulliLikelihood",
    "DiscretizedLogisticLikelihood",
    "DiscretizedLogisticMixtureLikelihood",
    "HyperbolicSecantLikelihood",
    "LaplaceLikelihood",
    "Likelihood",
    "MultinomialLikelihood",
    "NegativeBinomialLikelihood",
    "NormalLikelihood",
    "OffsetLikelihood",
    "PerceptualLikelihood",
    "PixelCNNLikelihood",
    "PoissonLikelihood",
    "StructuralSimilarityLikelihood",
    "StudentTLikelihood",
    "TokensLikelihood",
    "TransformerLikelihood",
    "ZeroInflatedLikelihood",
]
