"""Distributions that Pyro lacks in the form a VAE needs."""

from pyrovae.distributions import kl as _kl  # noqa: F401  (registers closed forms)
from pyrovae.distributions.autoregressive import Autoregressive
from pyrovae.distributions.code_tables import CodeTable, LevelTable, ResidualTables, SignTable
from pyrovae.distributions.codes import Codes, NearestCode
from pyrovae.distributions.continuous_bernoulli import ContinuousBernoulli
from pyrovae.distributions.correlated_normal import LowRankNormal
from pyrovae.distributions.counts import NegativeBinomial, Poisson
from pyrovae.distributions.counts_given_total import CountsGivenTotal
from pyrovae.distributions.discretized_logistic import DiscretizedLogistic
from pyrovae.distributions.expert_mixture import ExpertMixture
from pyrovae.distributions.flat import Flat
from pyrovae.distributions.flow import Flow
from pyrovae.distributions.gamma import Gamma
from pyrovae.distributions.grey_bernoulli import GreyBernoulli
from pyrovae.distributions.hyperbolic_secant import HyperbolicSecant
from pyrovae.distributions.labelled_categorical import LabelledCategorical
from pyrovae.distributions.level_categorical import LevelCategorical
from pyrovae.distributions.level_codes import LevelCodes
from pyrovae.distributions.levels import Levels
from pyrovae.distributions.log_normal import LogNormal
from pyrovae.distributions.marginal import Marginal
from pyrovae.distributions.mixture import Mixture
from pyrovae.distributions.normal import Normal
from pyrovae.distributions.partly_observed import (
    PartlyObserved,
    observe_partly,
    observed_mask,
    observed_values,
)
from pyrovae.distributions.penalized import Penalized
from pyrovae.distributions.product import normal_product
from pyrovae.distributions.relaxed import RelaxedOneHot, RelaxedOneHots
from pyrovae.distributions.riemannian_normal import RiemannianNormal
from pyrovae.distributions.side_by_side import SideBySide
from pyrovae.distributions.sphere import PowerSpherical, SphereUniform
from pyrovae.distributions.stretched_beta import OpenInterval, StretchedBeta
from pyrovae.distributions.student_t import StudentT
from pyrovae.distributions.von_mises import VonMises
from pyrovae.distributions.wrapped_normal import WrappedNormal
from pyrovae.distributions.zero_inflated import ZeroInflated

__all__ = [
    "Autoregressive",
    "CodeTable",
    "Codes",
    "ContinuousBernoulli",
    "CountsGivenTotal",
    "DiscretizedLogistic",
    "ExpertMixture",
    "Flat",
    "Flow",
    "Gamma",
    "GreyBernoulli",
    "HyperbolicSecant",
    "LabelledCategorical",
    "LevelCategorical",
    "LevelCodes",
    "LevelTable",
    "Levels",
    "LogNormal",
    "LowRankNormal",
    "Marginal",
    "Mixture",
    "NearestCode",
    "NegativeBinomial",
    "Normal",
    "OpenInterval",
    "PartlyObserved",
    "Penalized",
    "Poisson",
    "PowerSpherical",
    "RelaxedOneHot",
    "RelaxedOneHots",
    "ResidualTables",
    "RiemannianNormal",
    "SideBySide",
    "SignTable",
    "SphereUniform",
    "StretchedBeta",
    "StudentT",
    "VonMises",
    "WrappedNormal",
    "ZeroInflated",
    "normal_product",
    "observe_partly",
    "observed_mask",
    "observed_values",
]
