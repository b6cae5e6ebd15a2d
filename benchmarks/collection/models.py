"""The models of the collection, by name."""

from collections.abc import Callable
from functools import partial

from pyro.infer import ELBO
from torch import Tensor

from benchmarks.collection.parts import (
    HIDDEN,
    LATENTS,
    Entry,
    decoder,
    encoder,
    likelihood,
    normal,
    vae,
)
from pyrovae.likelihoods import HyperbolicSecantLikelihood, Likelihood, NormalLikelihood
from pyrovae.models import VAE, Autoencoder, HierarchicalVAE, LadderVAE, LatentVariableModel
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
    VectorQuantizedELBO,
)
from pyrovae.posteriors import (
    FullNormalPosterior,
    IAFPosterior,
    NormalPosterior,
    PlanarPosterior,
    Posterior,
    PowerSphericalPosterior,
    RelaxedCategoricalPosterior,
    VectorQuantizedPosterior,
)
from pyrovae.priors import (
    AutoregressiveCodePrior,
    CategoricalCodePrior,
    ExemplarPrior,
    FlowPrior,
    MixturePrior,
    NormalPrior,
    Prior,
    RelaxedCategoricalPrior,
    TwoStagePrior,
    UniformSpherePrior,
    VampPrior,
)

__all__ = ["MODELS"]

CODES, POSITIONS, CODE_FEATURES = 64, 8, 8


def _around(cls: type[Posterior], prior: Callable[[], Prior], **options: int) -> Entry:
    """A posterior of some kind, under a prior of its kind."""

    def make(x: Tensor) -> LatentVariableModel:
        shape = cls.network_shape(LATENTS, **options)
        return vae(x, prior=prior(), posterior=cls(encoder(x, shape), **options))

    return Entry(cls.__name__, make)


def _told(cls: Callable[..., ELBO], **options: float) -> Callable[[int], ELBO]:
    """An objective that does not ask how many images there are."""
    return lambda n: cls(**options)


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


def _vector_quantized(x: Tensor) -> LatentVariableModel:
    size = POSITIONS * CODE_FEATURES
    posterior = VectorQuantizedPosterior(
        encoder(x, size), codes=CODES, code_features=CODE_FEATURES
    )
    return VAE(CategoricalCodePrior(posterior), posterior, likelihood(x, size))


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


def _flow() -> FlowPrior:
    return FlowPrior(LATENTS, transforms=2, hidden=(64,))


def _second_stage() -> TwoStagePrior:
    return TwoStagePrior(
        NormalPrior(LATENTS),
        NormalPosterior(MLP(LATENTS, [HIDDEN], 2 * LATENTS)),
        NormalLikelihood(MLP(LATENTS, [HIDDEN], LATENTS), scale="learned"),
    )


def _mixture(model: LatentVariableModel) -> Prior:
    return MixturePrior(LATENTS, components=10)


_sphere = partial(UniformSpherePrior, LATENTS)
_normal = partial(NormalPrior, LATENTS)

MODELS: dict[str, Entry] = {
    "AE": Entry("Autoencoder; a mixture fitted to its codes", _autoencoder, codes=_mixture),
    "RAE, L2": Entry(
        "Autoencoder, RegularizedELBO", _autoencoder, _told(RegularizedELBO), codes=_mixture
    ),
    "RAE, gradient": Entry(
        "Autoencoder, RegularizedELBO(gradient_weight=...)",
        _autoencoder,
        _told(RegularizedELBO, gradient_weight=1e-3),
        codes=_mixture,
    ),
    "RAE, spectral norm": Entry(
        "Autoencoder, SpectralNorm", _spectral, _told(RegularizedELBO), codes=_mixture
    ),
    "VAE": Entry("NormalPrior, NormalPosterior", vae),
    "VAE, convolutions": Entry("ConvEncoder, ConvDecoder", _convolutional),
    "beta-VAE": Entry("BetaELBO(4)", vae, _told(BetaELBO, beta=4.0)),
    "capacity": Entry("CapacityELBO", vae, _told(CapacityELBO)),
    "beta-TCVAE": Entry("TotalCorrelationELBO", vae, lambda n: TotalCorrelationELBO(data_size=n)),
    "DIP-VAE II": Entry("DIPELBO", vae, _told(DIPELBO)),
    "InfoVAE": Entry("MMDELBO(kl_weight=0.5)", vae, _told(MMDELBO, kl_weight=0.5)),
    "WAE-MMD": Entry("MMDELBO", vae, _told(MMDELBO)),
    "SWAE": Entry("SlicedWassersteinELBO", vae, _told(SlicedWassersteinELBO)),
    "IWAE": Entry("ImportanceWeightedELBO", vae, _told(ImportanceWeightedELBO, num_particles=5)),
    "DReG": Entry(
        "DoublyReparameterizedELBO", vae, _told(DoublyReparameterizedELBO, num_particles=5)
    ),
    "MIWAE": Entry(
        "MultiplyImportanceWeightedELBO",
        vae,
        _told(MultiplyImportanceWeightedELBO, num_particles=6),
    ),
    "PIWAE": Entry(
        "PartiallyImportanceWeightedELBO",
        vae,
        _told(PartiallyImportanceWeightedELBO, num_particles=6),
    ),
    "CIWAE": Entry(
        "CombinedImportanceWeightedELBO",
        vae,
        _told(CombinedImportanceWeightedELBO, num_particles=5),
    ),
    "Hamiltonian": Entry("HamiltonianELBO", vae, _told(HamiltonianELBO)),
    "DAIS": Entry("AnnealedELBO", vae, _told(AnnealedELBO)),
    "full covariance": _around(FullNormalPosterior, _normal),
    "planar flow": _around(PlanarPosterior, _normal, transforms=4),
    "IAF": _around(IAFPosterior, _normal, context_features=16),
    "SVAE (sphere)": _around(PowerSphericalPosterior, _sphere),
    "mixture prior": Entry(
        "MixturePrior", lambda x: vae(x, prior=MixturePrior(LATENTS, components=100))
    ),
    "flow prior": Entry("FlowPrior", lambda x: vae(x, prior=_flow())),
    "VampPrior": Entry("VampPrior", _vamp),
    "exemplar": Entry("ExemplarPrior", _exemplar),
    "two stages": Entry("VAE, then TwoStagePrior", vae, codes=lambda model: _second_stage()),
    "log-cosh": Entry(
        "HyperbolicSecantLikelihood",
        _with(lambda x: HyperbolicSecantLikelihood(decoder(x), scale="learned")),
    ),
    "relaxed categories": Entry(
        "RelaxedCategoricalPosterior, RelaxedCategoricalPrior, TemperedELBO",
        lambda x: vae(
            x,
            prior=RelaxedCategoricalPrior(LATENTS),
            posterior=RelaxedCategoricalPosterior(encoder(x, LATENTS)),
        ),
        _told(TemperedELBO),
    ),
    "VQ-VAE": Entry(
        "VectorQuantizedPosterior, then AutoregressiveCodePrior",
        _vector_quantized,
        _told(VectorQuantizedELBO),
        codes=lambda model: AutoregressiveCodePrior(model.posterior),
    ),
    "hierarchy": Entry("HierarchicalVAE", _two_layers),
    "ladder": Entry("LadderVAE", _ladder),
}
