"""The places for which a class is named: what may stand there, and where such classes live."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

__all__ = ["SLOTS", "Slot"]


@dataclass(frozen=True)
class Slot:
    """A place that a class is named for.

    Attributes:
        name: What it is called: the option's name.
        base: Gives the class that all who stand here derive from.
        homes: Modules whose public classes have short names here.
        trusted: Packages whose classes a file may name without leave. A class belongs to the
            package it is defined in, however it is reached.
        factory: Whether a class here is made with a first argument that is still to come, as an
            optimizer is with the parameters.
        refused: Classes of the homes that cannot be used here, and why.
    """

    name: str
    base: Callable[[], type]
    homes: tuple[str, ...]
    trusted: tuple[str, ...]
    factory: bool
    refused: Mapping[str, str]


def _slot(
    name: str,
    base: str,
    *homes: str,
    trusted: tuple[str, ...] = (),
    factory: bool = False,
    refused: Mapping[str, str] | None = None,
) -> tuple[str, Slot]:
    module, _, attribute = base.rpartition(".")

    def load() -> type:  # when it is asked for: to name a slot loads no torch
        found: type = getattr(import_module(module), attribute)
        return found

    return name, Slot(name, load, homes, ("pyrovae", *trusted), factory, refused or {})


# Networks that are made from others, or of shapes that neither the data nor the other parts tell.
NETWORKS = {
    name: f"{why}, and is made in Python"
    for names, why in (
        ("Chain SpectralNorm Widened", "it is made from other networks"),
        ("ColumnFeatures Covariates", "it encodes columns before another network reads them"),
        ("CosineSine Identity Log1p SumOfStages", "it is one step of a Chain of networks"),
    )
    for name in names.split()
}


#: Every slot by its name. ``component`` is any part of a model.
SLOTS: Mapping[str, Slot] = MappingProxyType(
    dict(
        [
            _slot("component", "pyrovae.component.Component"),
            _slot(
                "model",
                "pyrovae.models.LatentVariableModel",
                "pyrovae.models",
                "pyrovae.hierarchy",
                refused={
                    "ConditionalVAE": "its networks also read a condition, and it is made in "
                    "Python: see examples/conditional.py",
                    "Density": "it is a prior of data without latents, and is fitted in Python: "
                    "fit(Density(prior), codes)",
                    "HierarchicalVAE": "it has several posteriors, and is made in Python: see "
                    "examples/hierarchical.py; DenseHierarchicalVAE can be used here",
                    "LadderVAE": "it has several posteriors and encoders, and is made in Python: "
                    "see examples/hierarchical.py; DenseHierarchicalVAE can be used here",
                    "MixedVAE": "it has two priors and two posteriors, and is made in "
                    "Python: MixedVAE(prior, posterior, discrete_prior, ...)",
                    "MultimodalVAE": "it has several likelihoods, and is made in Python: see "
                    "examples/modalities.py",
                    "SemiSupervisedVAE": "it has a classifier beside its posterior, and is made "
                    "in Python: see examples/semi_supervised.py",
                    "TopDownVAE": "it is made from blocks, in Python; DeepHierarchicalVAE and "
                    "DenseHierarchicalVAE, whose blocks are made for them, can be used here",
                    "Weighted": "it is made from another model, in Python: Weighted(vae), with "
                    "the weights as the last tensor of each batch",
                },
            ),
            _slot(
                "prior",
                "pyrovae.priors.Prior",
                "pyrovae.priors",
                refused={
                    "TwoStagePrior": "it is trained on draws of a trained model's latents, in "
                    "Python: fit(Density(prior), encode(vae, data.train, moments='draws'))",
                },
            ),
            _slot("posterior", "pyrovae.posteriors.Posterior", "pyrovae.posteriors"),
            _slot(
                "codebook",
                "pyrovae.codebooks.Codebook",
                "pyrovae.codebooks",
                refused={
                    "ResidualCodebook": "it is made from other codebooks, in Python: "
                    "ResidualCodebook([MovingAverageCodebook(...), ...])",
                },
            ),
            _slot(
                "likelihood",
                "pyrovae.likelihoods.Likelihood",
                "pyrovae.likelihoods",
                refused={
                    "OffsetLikelihood": "its network also reads each datum's size factor, and it "
                    "is made in Python: see examples/counts.py",
                    "PerceptualLikelihood": "it compares features of a network of your own, and is "
                    "made with it in Python",
                },
            ),
            _slot("encoder", "pyrovae.nn.Network", "pyrovae.nn", refused=NETWORKS),
            _slot("decoder", "pyrovae.nn.Network", "pyrovae.nn", refused=NETWORKS),
            # Pyro has classes of the same short names: the library's come first.
            _slot(
                "objective",
                "pyro.infer.ELBO",
                "pyrovae.objectives",
                "pyro.infer",
                trusted=("pyro.infer",),
            ),
            _slot("adversary", "pyrovae.adversaries.Adversary", "pyrovae.adversaries"),
            _slot("discriminator", "pyrovae.nn.Network", "pyrovae.nn", refused=NETWORKS),
            _slot("beta", "pyrovae.schedules.Schedule", "pyrovae.schedules"),
            *(
                _slot(
                    name,
                    "torch.optim.Optimizer",
                    "torch.optim",
                    trusted=("torch.optim",),
                    factory=True,
                    refused={
                        "LBFGS": "it evaluates the loss several times in a step",
                        "Muon": "it moves matrices alone, and networks have biases",
                        "SparseAdam": "it takes sparse gradients alone",
                    },
                )
                for name in ("optimizer", "adversary_optimizer")
            ),
            _slot(
                "scheduler",
                "torch.optim.lr_scheduler.LRScheduler",
                "torch.optim.lr_scheduler",
                trusted=("torch.optim",),
                factory=True,
                refused={
                    "ChainedScheduler": "it is made from other schedulers",
                    "LambdaLR": "it is made from a function",
                    "MultiplicativeLR": "it is made from a function",
                    "SequentialLR": "it is made from other schedulers",
                },
            ),
        ]
    )
)
