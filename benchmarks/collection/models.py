"""The models of the collection, by name."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from benchmarks.collection.codes import CODES
from benchmarks.collection.games import GAMES
from benchmarks.collection.parts import (
    HIDDEN,
    LATENTS,
    Entry,
    decoder,
    encoder,
    likelihood,
    mixture,
    normal,
    told,
    vae,
)
from pyrovae.hierarchy import DenseHierarchicalVAE
from pyrovae.likelihoods import (
    HyperbolicSecantLikelihood,
    Likelihood,
    NormalLikelihood,
    StructuralSimilarityLikelihood,
)
from pyrovae.models import (
    VAE,
    Autoencoder,
    HierarchicalVAE,
    LadderVAE,
    LatentVariableModel,
    MixedVAE,
)
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder, SpectralNorm
from pyrovae.objectives import (
    DIPELBO,
    MMDELBO,
    AnnealedELBO,
    BetaELBO,
    CapacityELBO,
    CombinedImportanceWeightedELBO,
    DoublyReparameterizedELBO,
    HamiltonianELBO,
    ImportanceWeightedELBO,
    MultiplyImportanceWeightedELBO,
    PartiallyImportanceWeightedELBO,
    RegularizedELBO,
    SlicedWassersteinELBO,
    TemperedELBO,
    TotalCorrelationELBO,
)
from pyrovae.posteriors import (
    FullNormalPosterior,
    GammaPosterior,
    HouseholderPosterior,
    IAFPosterior,
    LowRankNormalPosterior,
    NormalPosterior,
    PlanarPosterior,
    Posterior,
    PowerSphericalPosterior,
    RelaxedCategoricalPosterior,
    RiemannianNormalPosterior,
    SylvesterPosterior,
    VonMisesPosterior,
    WrappedNormalPosterior,
)
from pyrovae.priors import (
    ExemplarPrior,
    FlowPrior,
    GammaPrior,
    MixturePrior,
    NormalPrior,
    Prior,
    RelaxedCategoricalPrior,
    RiemannianNormalPrior,
    TwoStagePrior,
    UniformSpherePrior,
    VampPrior,
    VonMisesPrior,
    WrappedNormalPrior,
)

__all__ = ["MODELS"]


def _around(cls: type[Posterior], prior: Callable[[], Prior], **options: int) -> Entry:
    """A posterior of some kind, under a prior of its kind."""

    def make(x: Tensor) -> LatentVariableModel:
        shape = cls.network_shape(LATENTS, **options)
        return vae(x, prior=prior(), posterior=cls(encoder(x, shape), **options))

    return Entry(cls.__name__, make)


def _vamp(x: Tensor) -> LatentVariableModel:
    posterior = normal(x)
    prior = VampPrior(posterior, pseudo_inputs=x[:100], components=100)
    return vae(x, prior=prior, posterior=posterior)


def _exemplar(x: Tensor) -> LatentVariableModel:
    posterior = normal(x)
    return vae(x, prior=ExemplarPrior(posterior, exemplars=x[:500]), posterior=posterior)


def _convolutional(x: Tensor) -> LatentVariableModel:
    shape = x.shape[1:]
    posterior = NormalPosterior(ConvEncoder(shape, 2 * LATENTS, dense=(HIDDEN,)))
    means = ConvDecoder(LATENTS, shape, dense=(HIDDEN,))
    return VAE(NormalPrior(LATENTS), posterior, NormalLikelihood(means, scale="learned"))


def _with(make: Callable[[Tensor], Likelihood]) -> Callable[[Tensor], LatentVariableModel]:
    return lambda x: VAE(NormalPrior(LATENTS), normal(x), make(x))


def _autoencoder(x: Tensor) -> LatentVariableModel:
    return Autoencoder(encoder(x, LATENTS), likelihood(x))


def _spectral(x: Tensor) -> LatentVariableModel:
    means = SpectralNorm(decoder(x))
    return Autoencoder(encoder(x, LATENTS), NormalLikelihood(means, scale="learned"))


def _two_layers(x: Tensor) -> LatentVariableModel:
    up = [normal(x), NormalPosterior(MLP(LATENTS, [HIDDEN], 2 * 8))]
    over = [NormalPosterior(MLP(8, [HIDDEN], 2 * LATENTS))]
    return HierarchicalVAE(NormalPrior(8), up, likelihood(x), conditional_priors=over)


def _ladder(x: Tensor) -> LatentVariableModel:
    encoders = [encoder(x, HIDDEN), MLP(HIDDEN, [HIDDEN], HIDDEN)]
    said = [NormalPosterior(MLP(HIDDEN, [], 2 * n)) for n in (LATENTS, 8)]
    over = [NormalPosterior(MLP(8, [HIDDEN], 2 * LATENTS))]
    return LadderVAE(
        NormalPrior(8), said, likelihood(x), conditional_priors=over, encoders=encoders
    )


def _deep(x: Tensor) -> LatentVariableModel:
    return DenseHierarchicalVAE(
        encoder(x, HIDDEN),
        likelihood(x, HIDDEN),
        path_features=HIDDEN,
        layers=4,
        latent_features=LATENTS // 4,
        hidden=[HIDDEN],
    )


def _mixed(x: Tensor) -> LatentVariableModel:
    kinds = 4
    return MixedVAE(
        NormalPrior(LATENTS),
        normal(x),
        RelaxedCategoricalPrior(kinds),
        RelaxedCategoricalPosterior(encoder(x, kinds)),
        likelihood(x, LATENTS + kinds),
    )


def _flow() -> FlowPrior:
    return FlowPrior(LATENTS, transforms=2, hidden=(64,))


def _second_stage() -> TwoStagePrior:
    return TwoStagePrior(
        NormalPrior(LATENTS),
        NormalPosterior(MLP(LATENTS, [HIDDEN], 2 * LATENTS)),
        NormalLikelihood(MLP(LATENTS, [HIDDEN], LATENTS), scale="learned"),
    )


_sphere = partial(UniformSpherePrior, LATENTS)
_normal = partial(NormalPrior, LATENTS)

MODELS: dict[str, Entry] = {
    "AE": Entry("Autoencoder; a mixture fitted to its codes", _autoencoder, codes=mixture),
    "RAE, L2": Entry(
        "Autoencoder, RegularizedELBO", _autoencoder, told(RegularizedELBO), codes=mixture
    ),
    "RAE, gradient": Entry(
        "Autoencoder, RegularizedELBO(gradient_weight=...)",
        _autoencoder,
        told(RegularizedELBO, gradient_weight=1e-3),
        codes=mixture,
    ),
    "RAE, spectral norm": Entry(
        "Autoencoder, SpectralNorm", _spectral, told(RegularizedELBO), codes=mixture
    ),
    "VAE": Entry("NormalPrior, NormalPosterior", vae),
    "VAE, convolutions": Entry("ConvEncoder, ConvDecoder", _convolutional),
    "beta-VAE": Entry("BetaELBO(4)", vae, told(BetaELBO, beta=4.0)),
    "capacity": Entry("CapacityELBO", vae, told(CapacityELBO)),
    "beta-TCVAE": Entry("TotalCorrelationELBO", vae, lambda n: TotalCorrelationELBO(data_size=n)),
    "DIP-VAE II": Entry("DIPELBO", vae, told(DIPELBO)),
    "InfoVAE": Entry("MMDELBO(kl_weight=0.5)", vae, told(MMDELBO, kl_weight=0.5)),
    "WAE-MMD": Entry("MMDELBO", vae, told(MMDELBO)),
    "SWAE": Entry("SlicedWassersteinELBO", vae, told(SlicedWassersteinELBO)),
    "IWAE": Entry("ImportanceWeightedELBO", vae, told(ImportanceWeightedELBO, num_particles=5)),
    "DReG": Entry(
        "DoublyReparameterizedELBO", vae, told(DoublyReparameterizedELBO, num_particles=5)
    ),
    "MIWAE": Entry(
        "MultiplyImportanceWeightedELBO",
        vae,
        told(MultiplyImportanceWeightedELBO, num_particles=6),
    ),
    "PIWAE": Entry(
        "PartiallyImportanceWeightedELBO",
        vae,
        told(PartiallyImportanceWeightedELBO, num_particles=6),
    ),
    "CIWAE": Entry(
        "CombinedImportanceWeightedELBO",
        vae,
        told(CombinedImportanceWeightedELBO, num_particles=5),
    ),
    "Hamiltonian": Entry("HamiltonianELBO", vae, told(HamiltonianELBO)),
    "DAIS": Entry("AnnealedELBO", vae, told(AnnealedELBO)),
    "full covariance": _around(FullNormalPosterior, _normal),
    "low-rank covariance": _around(LowRankNormalPosterior, _normal, rank=2),
    "Householder flow": _around(HouseholderPosterior, _normal),
    "Sylvester flow": _around(SylvesterPosterior, _normal),
    "planar flow": _around(PlanarPosterior, _normal, transforms=4),
    "IAF": _around(IAFPosterior, _normal, context_features=16),
    "SVAE (sphere)": _around(PowerSphericalPosterior, _sphere),
    "mixture prior": Entry(
        "MixturePrior", lambda x: vae(x, prior=MixturePrior(LATENTS, components=100))
    ),
    "gamma": _around(GammaPosterior, partial(GammaPrior, LATENTS)),
    "torus": _around(VonMisesPosterior, partial(VonMisesPrior, LATENTS)),
    "Poincare ball": _around(WrappedNormalPosterior, partial(WrappedNormalPrior, LATENTS)),
    "Riemannian normal": _around(
        RiemannianNormalPosterior, partial(RiemannianNormalPrior, LATENTS, scale=0.5)
    ),
    "flow prior": Entry("FlowPrior", lambda x: vae(x, prior=_flow())),
    "VampPrior": Entry("VampPrior", _vamp),
    "exemplar": Entry("ExemplarPrior", _exemplar),
    "two stages": Entry("VAE, then TwoStagePrior", vae, codes=lambda model: _second_stage()),
    "log-cosh": Entry(
        "HyperbolicSecantLikelihood",
        _with(lambda x: HyperbolicSecantLikelihood(decoder(x), scale="learned")),
    ),
    "MS-SSIM": Entry(
        "StructuralSimilarityLikelihood",
        _with(lambda x: StructuralSimilarityLikelihood(likelihood(x), window=3)),
    ),
    "relaxed categories": Entry(
        "RelaxedCategoricalPosterior, RelaxedCategoricalPrior, TemperedELBO",
        lambda x: vae(
            x,
            prior=RelaxedCategoricalPrior(LATENTS),
            posterior=RelaxedCategoricalPosterior(encoder(x, LATENTS)),
        ),
        told(TemperedELBO),
    ),
    "hierarchy": Entry("HierarchicalVAE", _two_layers),
    "ladder": Entry("LadderVAE", _ladder),
    "deep hierarchy": Entry("DenseHierarchicalVAE of four layers", _deep),
    "JointVAE": Entry("MixedVAE: normal and categorical", _mixed),
    **CODES,
    **GAMES,
}
