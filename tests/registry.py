"""Every public component, one line each: a name and how to make it, with LATENT and DATA.

The contracts, and the grid of all combinations, run over these.
"""

import torch

from pyrovae.likelihoods import (
    BernoulliLikelihood,
    BetaLikelihood,
    CategoricalLikelihood,
    ContinuousBernoulliLikelihood,
    DiscretizedLogisticLikelihood,
    DiscretizedLogisticMixtureLikelihood,
    LaplaceLikelihood,
    MultinomialLikelihood,
    NegativeBinomialLikelihood,
    NormalLikelihood,
    PoissonLikelihood,
    StudentTLikelihood,
)
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder
from pyrovae.objectives import ELBO, AnalyticKLELBO, BetaELBO, ImportanceWeightedELBO
from pyrovae.posteriors import LowRankNormalPosterior, NormalPosterior
from pyrovae.priors import MixturePrior, NormalPrior, VampPrior

LATENT = 3
DATA = torch.Size([1, 6, 5])


def posterior(cls, **options):
    shape = cls.network_shape(LATENT, **options)
    # tanh has no dead units: each parameter must get a gradient.
    return cls(MLP(DATA, [4], shape, activation="tanh"), **options)


def likelihood(cls, **options):
    shape = cls.network_shape(DATA, **options)
    return cls(MLP(LATENT, [4], shape, activation="tanh"), **options)


NETWORKS = {
    "MLP": lambda: MLP(DATA, [8, 4], (2, 3), activation="tanh"),
    "MLP-linear": lambda: MLP((2, 3), [], 4),
    "MLP-batch_norm-dropout": lambda: MLP(6, [8], 4, batch_norm=True, dropout=0.5),
    "ConvEncoder": lambda: ConvEncoder(DATA, 4, channels=(2, 3), activation="elu"),
    "ConvEncoder-batch_norm": lambda: ConvEncoder(DATA, 4, channels=(2,), batch_norm=True),
    "ConvDecoder": lambda: ConvDecoder(LATENT, DATA, channels=(3, 2), activation="elu"),
    "ConvDecoder-batch_norm": lambda: ConvDecoder(LATENT, DATA, channels=(2,), batch_norm=True),
}

# A prior's constructor takes the model's posterior.
PRIORS = {
    "NormalPrior": lambda q: NormalPrior(LATENT),
    "NormalPrior-learned": lambda q: NormalPrior(LATENT, learned=True),
    "MixturePrior": lambda q: MixturePrior(LATENT, components=4),
    "VampPrior": lambda q: VampPrior(q, pseudo_inputs=torch.rand(6, *DATA), components=4),
}

POSTERIORS = {
    "NormalPosterior": lambda: posterior(NormalPosterior),
    "LowRankNormalPosterior": lambda: posterior(LowRankNormalPosterior),
    "LowRankNormalPosterior-1": lambda: posterior(LowRankNormalPosterior, rank=1),
}

LIKELIHOODS = {
    "BernoulliLikelihood": lambda: likelihood(BernoulliLikelihood),
    "ContinuousBernoulliLikelihood": lambda: likelihood(ContinuousBernoulliLikelihood),
    "NormalLikelihood": lambda: likelihood(NormalLikelihood),
    "NormalLikelihood-fixed": lambda: likelihood(NormalLikelihood, scale=0.5),
    "NormalLikelihood-predicted": lambda: likelihood(NormalLikelihood, scale="predicted"),
    "LaplaceLikelihood": lambda: likelihood(LaplaceLikelihood),
    "StudentTLikelihood": lambda: likelihood(StudentTLikelihood, df=3.0),
    "BetaLikelihood": lambda: likelihood(BetaLikelihood),
    "CategoricalLikelihood": lambda: likelihood(CategoricalLikelihood, categories=6),
    "DiscretizedLogisticLikelihood": lambda: likelihood(DiscretizedLogisticLikelihood),
    "DiscretizedLogisticMixtureLikelihood": lambda: likelihood(
        DiscretizedLogisticMixtureLikelihood, components=2
    ),
    "PoissonLikelihood": lambda: likelihood(PoissonLikelihood),
    "NegativeBinomialLikelihood": lambda: likelihood(NegativeBinomialLikelihood),
    "MultinomialLikelihood": lambda: likelihood(MultinomialLikelihood, total_count=7),
}


def grey(shape, dtype=torch.float32, levels=256):
    return torch.randint(levels, shape).to(dtype) / (levels - 1)


def counts(shape, dtype=torch.float32):
    return torch.randint(9, shape).to(dtype)


# Data in the likelihood's support, where random numbers in [0, 1] are not.
DATA_FOR = {
    "CategoricalLikelihood": lambda *args: grey(*args, levels=6),
    "DiscretizedLogisticLikelihood": grey,
    "DiscretizedLogisticMixtureLikelihood": grey,
    "PoissonLikelihood": counts,
    "NegativeBinomialLikelihood": counts,
    "MultinomialLikelihood": counts,
}


def data_for(name, leading, dtype=torch.float32):
    """Random data for the likelihood of that name, ``(*leading, *DATA)``."""
    shape = (*leading, *DATA)
    return DATA_FOR[name](shape, dtype) if name in DATA_FOR else torch.rand(shape, dtype=dtype)


OBJECTIVES = {
    "ELBO": lambda: ELBO(),
    "ELBO-3": lambda: ELBO(num_particles=3),
    "AnalyticKLELBO": lambda: AnalyticKLELBO(num_particles=2),
    "BetaELBO": lambda: BetaELBO(0.5),
    "ImportanceWeightedELBO": lambda: ImportanceWeightedELBO(num_particles=4),
}
