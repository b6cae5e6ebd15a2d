"""Every public network, one line each: a name and how to make it."""

from likelihood_registry import DATA, LATENT, MIXED

from pyrovae.nn import (
    MLP,
    Bottleneck,
    Chain,
    ColumnFeatures,
    ConvDecoder,
    ConvEncoder,
    CosineSine,
    Covariates,
    GatedMLP,
    Identity,
    Log1p,
    PatchDiscriminator,
    ResidualDecoder,
    ResidualEncoder,
    SpectralNorm,
    SumOfStages,
    Widened,
)

NETWORKS = {
    "MLP": lambda: MLP(DATA, [8, 4], (2, 3), activation="tanh"),
    "MLP-linear": lambda: MLP((2, 3), [], 4),
    "MLP-batch_norm-dropout": lambda: MLP(6, [8], 4, batch_norm=True, dropout=0.5),
    "GatedMLP": lambda: GatedMLP(DATA, [4], (2, 3), init="he"),
    "Chain": lambda: Chain([MLP(DATA, [], 3, activation="tanh"), MLP(3, [4], 4)]),
    "ColumnFeatures": lambda: ColumnFeatures(MIXED),
    "ColumnFeatures-mask": lambda: ColumnFeatures(MIXED, mask=True),
    "CosineSine": lambda: CosineSine(3),
    "Covariates": lambda: Covariates([2, 3], numbers=1),
    "Log1p": lambda: Log1p(DATA),
    "Log1p-given": lambda: Log1p(5, given=2),
    "PatchDiscriminator": lambda: PatchDiscriminator((2, 5, 9), channels=(3, 2)),
    "SpectralNorm": lambda: SpectralNorm(MLP(DATA, [4], (2, 3), activation="tanh")),
    "SpectralNorm-conv": lambda: SpectralNorm(ConvDecoder(LATENT, DATA, channels=(2,))),
    "Identity": lambda: Identity((2, 3)),
    "SumOfStages": lambda: SumOfStages((6, 2), 3),
    "Widened": lambda: Widened(MLP(4, [3], 2, activation="tanh"), at=1, extra=2),
    "ConvEncoder": lambda: ConvEncoder(DATA, 4, channels=(2, 3), activation="elu"),
    "ConvEncoder-batch_norm": lambda: ConvEncoder(DATA, 4, channels=(2,), batch_norm=True),
    "ConvEncoder-signals": lambda: ConvEncoder((2, 7), 4, channels=(2,), batch_norm=True),
    "ConvEncoder-volumes": lambda: ConvEncoder((1, 3, 4, 5), 4, channels=(2,), activation="elu"),
    "ConvDecoder-signals": lambda: ConvDecoder(LATENT, (2, 7), channels=(2, 2), activation="elu"),
    "ConvDecoder-volumes": lambda: ConvDecoder(LATENT, (1, 3, 4, 5), channels=(2,)),
    "ConvDecoder": lambda: ConvDecoder(LATENT, DATA, channels=(3, 2), activation="elu"),
    "ResidualEncoder": lambda: ResidualEncoder(DATA, 4, channels=(4, 6), attention=True),
    "ResidualEncoder-map": lambda: ResidualEncoder((2, 7, 5), (3, 4, 3), channels=(4, 6)),
    "ResidualEncoder-signals": lambda: ResidualEncoder(
        (2, 7), 4, channels=(4, 4), weight_norm="weight"
    ),
    "ResidualEncoder-bottleneck": lambda: ResidualEncoder(
        (2, 3, 5), 4, channels=(4, 8), bottleneck=2
    ),
    "ResidualEncoder-patch": lambda: ResidualEncoder((1, 4, 6), 4, channels=(4, 4), patch=2),
    "ResidualDecoder-patch": lambda: ResidualDecoder(LATENT, (1, 4, 6), channels=(4,), patch=2),
    "Bottleneck-places": lambda: Bottleneck((2, 3, 5), (4, 3, 5), width=2, kernels=(1, 1)),
    "Bottleneck": lambda: Bottleneck((2, 3, 5), (4, 3, 5), width=2),
    "ResidualDecoder": lambda: ResidualDecoder(LATENT, DATA, channels=(4, 4), checkpointing=True),
    "ResidualDecoder-map": lambda: ResidualDecoder(
        (2, 4, 3), (1, 7, 5), channels=(6, 4), blocks=2
    ),
    "ResidualDecoder-volumes": lambda: ResidualDecoder(
        LATENT, (1, 3, 4, 5), channels=(4, 4), attention=True
    ),
    "ConvDecoder-batch_norm": lambda: ConvDecoder(LATENT, DATA, channels=(2,), batch_norm=True),
}
