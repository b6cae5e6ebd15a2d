"""Every public component, one line each: a name and how to make it, with LATENT and DATA.

The contracts, and the grid of all combinations, run over these.
"""

import torch
from likelihood_registry import (
    AROUND_LIKELIHOODS,
    DATA,
    DRAWN,
    LATENT,
    LIKELIHOODS,
    MIXED,
    columns,
    data_for,
)
from network_registry import NETWORKS
from objective_registry import OBJECTIVES, WITH_LABELS, WITH_MODALITIES

from pyrovae.codebooks import (
    FiniteScalarCodebook,
    LookupFreeCodebook,
    MovingAverageCodebook,
    ResidualCodebook,
)
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import (
    CategoricalPosterior,
    FullNormalPosterior,
    GammaPosterior,
    HouseholderPosterior,
    IAFPosterior,
    LowRankNormalPosterior,
    MixtureOfProductsPosterior,
    MixturePosterior,
    NormalPosterior,
    PlanarPosterior,
    PowerSphericalPosterior,
    ProductPosterior,
    QuantizedPosterior,
    RelaxedCategoricalPosterior,
    RiemannianNormalPosterior,
    SylvesterPosterior,
    VectorQuantizedPosterior,
    VonMisesPosterior,
    WrappedNormalPosterior,
)
from pyrovae.priors import (
    AutoregressiveCodePrior,
    CategoricalCodePrior,
    CategoricalPrior,
    DistributionPrior,
    ExemplarPrior,
    FlowPrior,
    GammaPrior,
    MixturePrior,
    NormalPrior,
    PixelCNNCodePrior,
    RelaxedCategoricalPrior,
    RiemannianNormalPrior,
    TransformerCodePrior,
    TwoStagePrior,
    UniformSpherePrior,
    VampPrior,
    VonMisesPrior,
    WrappedNormalPrior,
)


def posterior(cls, **options):
    shape = cls.network_shape(LATENT, **options)
    # tanh has no dead units: each parameter must get a gradient.
    return cls(MLP(DATA, [4], shape, activation="tanh"), **options)


def quantized(codebook, features=LATENT):
    network = MLP(DATA, [4], features, activation="tanh")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 3  # codes that differ: the level 0 alone would teach a decoder nothing
    return QuantizedPosterior(network, codebook)


def experts():
    return [posterior(NormalPosterior), posterior(NormalPosterior)]


__all__ = [
    "DATA",
    "DRAWN",
    "LATENT",
    "LIKELIHOODS",
    "MIXED",
    "NETWORKS",
    "OBJECTIVES",
    "WITH_LABELS",
    "WITH_MODALITIES",
    "columns",
    "data_for",
]

# Parts that are made of other parts, and not of a network.
AROUND = AROUND_LIKELIHOODS | {
    "ProductPosterior",
    "MixturePosterior",
    "MixtureOfProductsPosterior",
    "QuantizedPosterior-residual",
}

# A prior's constructor takes the model's posterior.
PRIORS = {
    "NormalPrior": lambda q: NormalPrior(LATENT),
    "NormalPrior-learned": lambda q: NormalPrior(LATENT, learned=True),
    "MixturePrior": lambda q: MixturePrior(LATENT, components=4),
    "VampPrior": lambda q: VampPrior(q, pseudo_inputs=torch.rand(6, *DATA), components=4),
    # Fixed data: they are not in the state dict, only their fingerprint is.
    "ExemplarPrior": lambda q: ExemplarPrior(
        q, exemplars=torch.arange(180.0).view(6, *DATA) / 180
    ),
    "FlowPrior": lambda q: FlowPrior(LATENT, transforms=2, hidden=(6,)),
    "FlowPrior-coupling": lambda q: FlowPrior(
        LATENT, transform="affine_coupling", transforms=2, hidden=(6,)
    ),
    "FlowPrior-spline": lambda q: FlowPrior(
        LATENT, transform="spline_autoregressive", transforms=1, hidden=(6,)
    ),
    "DistributionPrior": lambda q: DistributionPrior(LATENT),
    "DistributionPrior-StudentT": lambda q: DistributionPrior(
        LATENT, family="StudentT", parameters={"df": 3.0}
    ),
    "TwoStagePrior": lambda q: TwoStagePrior(
        NormalPrior(2),
        NormalPosterior(MLP(LATENT, [4], 4, activation="tanh")),
        NormalLikelihood(MLP(2, [4], LATENT, activation="tanh")),
        num_particles=2,
    ),
    "UniformSpherePrior": lambda q: UniformSpherePrior(LATENT),
    "VonMisesPrior": lambda q: VonMisesPrior(LATENT),
    "VonMisesPrior-concentrated": lambda q: VonMisesPrior(LATENT, concentration=2.0),
    "GammaPrior": lambda q: GammaPrior(LATENT, concentration=0.5, rate=2.0),
    "WrappedNormalPrior": lambda q: WrappedNormalPrior(LATENT),
    "RiemannianNormalPrior": lambda q: RiemannianNormalPrior(LATENT, scale=0.7),
    "CategoricalPrior": lambda q: CategoricalPrior(LATENT),
    "CategoricalPrior-learned": lambda q: CategoricalPrior(LATENT, learned=True),
    "RelaxedCategoricalPrior": lambda q: RelaxedCategoricalPrior(LATENT),
    "RelaxedCategoricalPrior-learned": lambda q: RelaxedCategoricalPrior(LATENT, learned=True),
    "CategoricalCodePrior": lambda q: CategoricalCodePrior(q),
    "AutoregressiveCodePrior": lambda q: AutoregressiveCodePrior(q, hidden=4),
    "PixelCNNCodePrior": lambda q: PixelCNNCodePrior(q, features=4, layers=2),
    "TransformerCodePrior": lambda q: TransformerCodePrior(q, features=4, heads=2, layers=1),
}

POSTERIORS = {
    "NormalPosterior": lambda: posterior(NormalPosterior),
    "LowRankNormalPosterior": lambda: posterior(LowRankNormalPosterior),
    "LowRankNormalPosterior-1": lambda: posterior(LowRankNormalPosterior, rank=1),
    "FullNormalPosterior": lambda: posterior(FullNormalPosterior),
    "HouseholderPosterior": lambda: posterior(HouseholderPosterior, reflections=2),
    "PlanarPosterior": lambda: posterior(PlanarPosterior, transforms=2),
    "SylvesterPosterior": lambda: posterior(SylvesterPosterior, transforms=2, reflections=2),
    "IAFPosterior": lambda: posterior(IAFPosterior, context_features=2, hidden=(6,)),
    "ProductPosterior": lambda: ProductPosterior(experts()),
    "MixturePosterior": lambda: MixturePosterior(experts()),
    "MixtureOfProductsPosterior": lambda: MixtureOfProductsPosterior(experts()),
    "PowerSphericalPosterior": lambda: posterior(PowerSphericalPosterior),
    "VonMisesPosterior": lambda: posterior(VonMisesPosterior),
    "GammaPosterior": lambda: posterior(GammaPosterior),
    "WrappedNormalPosterior": lambda: posterior(WrappedNormalPosterior),
    "RiemannianNormalPosterior": lambda: posterior(RiemannianNormalPosterior),
    "CategoricalPosterior": lambda: posterior(CategoricalPosterior),
    "RelaxedCategoricalPosterior": lambda: posterior(RelaxedCategoricalPosterior),
    "VectorQuantizedPosterior": lambda: posterior(
        VectorQuantizedPosterior, codes=4, code_features=1
    ),
    "QuantizedPosterior-averages": lambda: quantized(MovingAverageCodebook(4, 1)),
    "QuantizedPosterior-residual": lambda: quantized(
        ResidualCodebook([MovingAverageCodebook(4, 1) for _ in range(LATENT)]), features=1
    ),
    "QuantizedPosterior-scalar": lambda: quantized(FiniteScalarCodebook([4])),
    "QuantizedPosterior-signs": lambda: quantized(LookupFreeCodebook(1)),
}

# Over what the latents of a prior or posterior range, where it is not a real space.
KINDS = {
    "UniformSpherePrior": "sphere",
    "VonMisesPrior": "circle",
    "VonMisesPrior-concentrated": "circle",
    "VonMisesPosterior": "circle",
    "GammaPrior": "bounded",
    "GammaPosterior": "bounded",
    "WrappedNormalPrior": "ball",
    "RiemannianNormalPrior": "ball",
    "WrappedNormalPosterior": "ball",
    "RiemannianNormalPosterior": "ball",
    "CategoricalPrior": "discrete",
    "CategoricalPrior-learned": "discrete",
    "RelaxedCategoricalPrior": "simplex",
    "RelaxedCategoricalPrior-learned": "simplex",
    "PowerSphericalPosterior": "sphere",
    "CategoricalPosterior": "discrete",
    "RelaxedCategoricalPosterior": "simplex",
    **{name: "code" for name in PRIORS if name.endswith("CodePrior")},
    **{name: "code" for name in POSTERIORS if "Quantized" in name},
}
# Posteriors that know the density of their own draws alone, that have no mean in closed form,
# and whose draws carry no gradient.
ONE_WAY = {"PlanarPosterior", "SylvesterPosterior"}
WITHOUT_MEAN = ONE_WAY | {"IAFPosterior", "RelaxedCategoricalPosterior"}
NOT_REPARAMETERIZED = {"CategoricalPosterior"}
# Posteriors whose one value has a log-probability of zero, and priors made from their codebook.
POINTS = {name for name in POSTERIORS if "Quantized" in name}
OF_CODES = {name for name in PRIORS if name.endswith("CodePrior")}


def fits(prior, posterior):
    """Whether a prior and a posterior of these names make a model."""
    if prior == "VampPrior":
        return posterior not in ONE_WAY | POINTS
    if prior == "ExemplarPrior" and posterior in WITHOUT_MEAN:
        return False
    of_prior, of_posterior = KINDS.get(prior, "real"), KINDS.get(posterior, "real")
    if prior != "ExemplarPrior" and (of_posterior, of_prior) == ("bounded", "real"):
        return True  # it keeps to a part of the prior's range
    return of_prior == of_posterior


def latent_for(name, leading, dtype=torch.float32):
    """Random latents that the prior or posterior of that name can score."""
    kind = KINDS.get(name, "real")
    z = torch.randn(*leading, LATENT, dtype=dtype)
    if kind == "sphere":
        return z / z.norm(dim=-1, keepdim=True)
    if kind == "bounded":
        return z.exp()
    if kind == "circle":
        return torch.pi * z.tanh()
    if kind == "ball":
        return 0.8 * z / (1 + z.norm(dim=-1, keepdim=True))
    if kind == "simplex":
        return z.softmax(-1)
    if kind == "discrete":
        return torch.nn.functional.one_hot(z.argmax(-1), LATENT).to(dtype)
    return z
