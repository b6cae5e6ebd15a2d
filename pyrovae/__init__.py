"""Variational autoencoders as Pyro programs."""

# Not from typing: importing the package is to take no time. Type checkers take it for true.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from pyrovae import (  # noqa: F401
        adversaries,
        checkpoint,
        component,
        datasets,
        distributions,
        evaluation,
        explorer,
        exporting,
        handlers,
        latent_space,
        likelihoods,
        models,
        nn,
        objectives,
        plots,
        posteriors,
        priors,
        ranks,
        schedules,
        training,
    )
    from pyrovae.checkpoint import load, save
    from pyrovae.datasets import load_data

    # From their modules: in the packages a type checker takes modules for functions.
    from pyrovae.evaluation.encode import encode
    from pyrovae.evaluation.evaluate import evaluate
    from pyrovae.evaluation.scores import score
    from pyrovae.exporting import export
    from pyrovae.models import VAE
    from pyrovae.training.fit import fit

__version__ = "0.1.0"

__all__ = [
    "VAE",
    "__version__",
    "encode",
    "evaluate",
    "export",
    "fit",
    "load",
    "load_data",
    "save",
    "score",
]

_HOMES = {
    "VAE": "models",
    "encode": "evaluation",
    "evaluate": "evaluation",
    "export": "exporting",
    "fit": "training",
    "load": "checkpoint",
    "load_data": "datasets",
    "save": "checkpoint",
    "score": "evaluation",
}
_PACKAGES = (
    "adversaries",
    "checkpoint",
    "codebooks",
    "component",
    "datasets",
    "distributions",
    "evaluation",
    "explorer",
    "exporting",
    "handlers",
    "latent_space",
    "likelihoods",
    "models",
    "nn",
    "objectives",
    "plots",
    "posteriors",
    "priors",
    "ranks",
    "schedules",
    "training",
)


if not TYPE_CHECKING:  # a type checker would take every name for one that there is

    def __getattr__(name: str) -> object:
        """Loads what is asked for, and torch with it, only then."""
        from importlib import import_module

        if name in _HOMES:
            value = getattr(import_module(f"pyrovae.{_HOMES[name]}"), name)
            globals()[name] = value
            return value
        if name in _PACKAGES:
            return import_module(f"pyrovae.{name}")
        raise AttributeError(f"module 'pyrovae' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_PACKAGES])
