"""Every public likelihood, one line each: a name and how to make it, with LATENT and DATA."""

import torch

from pyrovae.likelihoods import (
    BernoulliLikelihood,
    BetaLikelihood,
    CategoricalLikelihood,
    ColumnsLikelihood,
    ContinuousBernoulliLikelihood,
    DiscretizedLogisticLikelihood,
    DiscretizedLogisticMixtureLikelihood,
    HyperbolicSecantLikelihood,
    LaplaceLikelihood,
    MultinomialLikelihood,
    NegativeBinomialLikelihood,
    NormalLikelihood,
    OffsetLikelihood,
    PerceptualLikelihood,
    PixelCNNLikelihood,
    PoissonLikelihood,
    StructuralSimilarityLikelihood,
    StudentTLikelihood,
    TokensLikelihood,
    TransformerLikelihood,
    ZeroInflatedLikelihood,
)
from pyrovae.nn import MLP, Identity

LATENT = 3
DATA = torch.Size([1, 6, 5])


def likelihood(cls, *, latents=LATENT, **options):
    shape = cls.network_shape(DATA, **options)
    return cls(MLP(latents, [4], shape, activation="tanh"), **options)


def features():
    """A network of nobody's model, as one that was trained for something else."""
    torch.manual_seed(7)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Tanh())


def autoregressive(cls, pixel, **options):
    network = MLP(LATENT, [4], cls.network_shape(DATA, context_features=2), activation="tanh")
    return cls(network, pixel, context_features=2, features=4, **options)


def gate(latents=LATENT):
    return MLP(latents, [4], DATA, activation="tanh")


def columns(*kinds):
    """A column of each kind, in the order of the data's last dimension."""
    levels = {"binary": (0, 1), "categorical": ("a", "b", "c"), "ordinal": (1, 2, 3, 4)}
    return [
        {"name": f"{kind} {i}", "kind": kind, "loc": 0.0, "scale": 1.0, "levels": levels.get(kind)}
        for i, kind in enumerate(kinds)
    ]


MIXED = columns("categorical", "real", "count", "positive", "ordinal")
LEVELS = columns("ordinal", "real", "binary", "categorical", "binary")

LIKELIHOODS = {
    "BernoulliLikelihood": lambda: likelihood(BernoulliLikelihood),
    "ContinuousBernoulliLikelihood": lambda: likelihood(ContinuousBernoulliLikelihood),
    "NormalLikelihood": lambda: likelihood(NormalLikelihood),
    "NormalLikelihood-fixed": lambda: likelihood(NormalLikelihood, scale=0.5),
    "NormalLikelihood-predicted": lambda: likelihood(NormalLikelihood, scale="predicted"),
    "LaplaceLikelihood": lambda: likelihood(LaplaceLikelihood),
    "HyperbolicSecantLikelihood": lambda: likelihood(HyperbolicSecantLikelihood),
    "StudentTLikelihood": lambda: likelihood(StudentTLikelihood, df=3.0),
    "BetaLikelihood": lambda: likelihood(BetaLikelihood),
    "CategoricalLikelihood": lambda: likelihood(CategoricalLikelihood, categories=6),
    "ColumnsLikelihood": lambda: likelihood(ColumnsLikelihood, columns=MIXED),
    "ColumnsLikelihood-predicted": lambda: likelihood(
        ColumnsLikelihood, columns=LEVELS, scale="predicted"
    ),
    "DiscretizedLogisticLikelihood": lambda: likelihood(DiscretizedLogisticLikelihood),
    "DiscretizedLogisticMixtureLikelihood": lambda: likelihood(
        DiscretizedLogisticMixtureLikelihood, components=2
    ),
    "PoissonLikelihood": lambda: likelihood(PoissonLikelihood),
    "NegativeBinomialLikelihood": lambda: likelihood(NegativeBinomialLikelihood),
    "NegativeBinomialLikelihood-per_feature": lambda: likelihood(
        NegativeBinomialLikelihood, dispersion="per_feature"
    ),
    "NegativeBinomialLikelihood-network": lambda: likelihood(
        NegativeBinomialLikelihood, dispersion=MLP(2, [], DATA)
    ),
    "MultinomialLikelihood": lambda: likelihood(MultinomialLikelihood, total_count=7),
    "TokensLikelihood": lambda: likelihood(TokensLikelihood, tokens=9),
    "PerceptualLikelihood": lambda: PerceptualLikelihood(
        likelihood(NormalLikelihood), features(), weight=3.0
    ),
    "StructuralSimilarityLikelihood": lambda: StructuralSimilarityLikelihood(
        likelihood(BernoulliLikelihood), window=3, weight=9.0
    ),
    "OffsetLikelihood": lambda: OffsetLikelihood(likelihood(PoissonLikelihood, latents=2)),
    "OffsetLikelihood-around": lambda: OffsetLikelihood(
        ZeroInflatedLikelihood(likelihood(NegativeBinomialLikelihood, latents=2))
    ),
    "PixelCNNLikelihood": lambda: autoregressive(
        PixelCNNLikelihood, BernoulliLikelihood(Identity(1)), layers=2
    ),
    "TransformerLikelihood": lambda: autoregressive(
        TransformerLikelihood,
        CategoricalLikelihood(Identity(6), categories=6),
        heads=2,
        layers=1,
    ),
    "ZeroInflatedLikelihood": lambda: ZeroInflatedLikelihood(likelihood(PoissonLikelihood)),
    "ZeroInflatedLikelihood-gate": lambda: ZeroInflatedLikelihood(
        likelihood(NegativeBinomialLikelihood), gate()
    ),
}
# Those with a loss beside them, which are no densities.
PENALIZED = {"PerceptualLikelihood", "StructuralSimilarityLikelihood"}
# Those that are made of another one, and not of a network.
AROUND_LIKELIHOODS = PENALIZED | {
    "OffsetLikelihood",
    "OffsetLikelihood-around",
    "PixelCNNLikelihood",
    "TransformerLikelihood",
    "ZeroInflatedLikelihood",
    "ZeroInflatedLikelihood-gate",
}

# Those whose mean is not known: variables given those before them.
DRAWN = {"PixelCNNLikelihood", "TransformerLikelihood"}


def grey(shape, dtype=torch.float32, levels=256):
    return torch.randint(levels, shape).to(dtype) / (levels - 1)


def counts(shape, dtype=torch.float32):
    return torch.randint(9, shape).to(dtype)


def rows(shape, dtype=torch.float32):
    """Whole numbers of at least 1 and below 2, which every kind of column allows."""
    return torch.ones(shape, dtype=dtype)


# Data in the likelihood's support, where random numbers in [0, 1] are not.
DATA_FOR = {
    "CategoricalLikelihood": lambda *args: grey(*args, levels=6),
    "ColumnsLikelihood": rows,
    "ColumnsLikelihood-predicted": rows,
    "DiscretizedLogisticLikelihood": grey,
    "DiscretizedLogisticMixtureLikelihood": grey,
    "PoissonLikelihood": counts,
    "NegativeBinomialLikelihood": counts,
    "NegativeBinomialLikelihood-per_feature": counts,
    "NegativeBinomialLikelihood-network": counts,
    "MultinomialLikelihood": counts,
    "TokensLikelihood": counts,
    "TransformerLikelihood": lambda *args: grey(*args, levels=6),
    "OffsetLikelihood": counts,
    "OffsetLikelihood-around": counts,
    "ZeroInflatedLikelihood": counts,
    "ZeroInflatedLikelihood-gate": counts,
}


def data_for(name, leading, dtype=torch.float32):
    """Random data for the likelihood of that name, ``(*leading, *DATA)``."""
    shape = (*leading, *DATA)
    return DATA_FOR[name](shape, dtype) if name in DATA_FOR else torch.rand(shape, dtype=dtype)
