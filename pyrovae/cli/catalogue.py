"""What there is to choose from, by name and first line, read without running any of it.

To import the packages loads torch, which takes seconds; to show a list of names must not.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from pyrovae.cli.figures import FIGURES
from pyrovae.cli.signatures import plain_text

__all__ = ["KINDS", "catalogue", "names_for"]

#: What ``pyrovae list`` shows: of each kind the packages it lives in.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "models": "pyrovae.models pyrovae.hierarchy",
        "priors": "pyrovae.priors",
        "posteriors": "pyrovae.posteriors",
        "codebooks": "pyrovae.codebooks",
        "likelihoods": "pyrovae.likelihoods",
        "networks": "pyrovae.nn",
        "objectives": "pyrovae.objectives",
        "adversaries": "pyrovae.adversaries",
        "schedules": "pyrovae.schedules",
        "optimizers": "torch.optim",
        "schedulers": "torch.optim.lr_scheduler",
        "data": "",
        "figures": "",
    }
)
SLOT_OF = {
    "model": "models",
    "prior": "priors",
    "posterior": "posteriors",
    "codebook": "codebooks",
    "likelihood": "likelihoods",
    "encoder": "networks",
    "decoder": "networks",
    "objective": "objectives",
    "beta": "schedules",
    "optimizer": "optimizers",
    "scheduler": "schedulers",
    "adversary": "adversaries",
    "discriminator": "networks",
    "adversary_optimizer": "optimizers",
}
# What a command line has no way to make, or to train with: bases that do not say so, classes made
# from several parts of one kind, from others of their kind or from functions, networks of given
# shapes, and objectives of models that are left out.
LEFT_OUT = frozenset(
    {
        "Annealed",
        "BottleneckBlock",
        "Chain",
        "ChainedScheduler",
        "ClassificationELBO",
        "ColumnFeatures",
        "ConditionalVAE",
        "CosineSine",
        "Covariates",
        "Density",
        "HierarchicalModel",
        "HierarchicalVAE",
        "Identity",
        "LBFGS",
        "LRScheduler",
        "LadderVAE",
        "LambdaLR",
        "Log1p",
        "LogWeights",
        "MixedVAE",
        "MixtureOfProductsPosterior",
        "MixturePosterior",
        "MultimodalVAE",
        "MultiplicativeLR",
        "Muon",
        "OffsetLikelihood",
        "Optimizer",
        "PatchDiscriminator",
        "PerceptualLikelihood",
        "ProductPosterior",
        "ResidualBlock",
        "ResidualCodebook",
        "ResidualNormalBlock",
        "Seen",
        "SelfAttention",
        "SemiSupervisedVAE",
        "SequentialLR",
        "SparseAdam",
        "SpectralNorm",
        "SubsetsELBO",
        "SumOfStages",
        "TopDownBlock",
        "TopDownVAE",
        "TwoStagePrior",
        "Undefined",
        "VectorCodebook",
        "Weight",
        "Weighted",
        "Widened",
    }
)
DATA = {
    "digits": "1797 handwritten digits of 8x8 pixels, with the library: no download.",
    "sprites": "6144 images of 32x32 pixels with known factors, made here: no download.",
    "mnist": "70000 handwritten digits of 28x28 pixels.",
    "fashion-mnist": "70000 pieces of clothing, 28x28.",
    "kmnist": "70000 Japanese characters, 28x28.",
    "cifar10": "60000 small colour photographs, 32x32.",
    "celeba": "202599 faces with 40 attributes.",
}


def names_for(slot: str) -> list[str]:
    """The short names of the classes that an option may name."""
    return list(catalogue(SLOT_OF[slot]))


@cache
def catalogue(kind: str) -> Mapping[str, str]:
    """Names and first lines of what is of a kind, sorted."""
    if kind == "data":
        return DATA
    if kind == "figures":
        return FIGURES
    found = {
        name: _first_sentence(node, rest)
        for package in KINDS[kind].split()
        for name, node, rest in _classes(package)
        if name not in LEFT_OUT and not _is_base(node)
    }
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _classes(package: str) -> Iterator[tuple[str, ast.ClassDef, ast.Module]]:
    """The public classes of a package, and the module that each is defined in."""
    module = _parse(package)
    homes = {
        alias.asname or alias.name: node.module
        for node in module.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for name in _public(module):
        home = _parse(homes[name]) if name in homes else module
        for node in home.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                yield name, node, home


@cache
def _parse(module: str) -> ast.Module:
    """A module's source; only its first package is looked for, which imports nothing."""
    first, *rest = module.split(".")
    spec = find_spec(first)
    if spec is None or spec.origin is None:
        return ast.Module([], [])
    path = Path(spec.origin).parent.joinpath(*rest)
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])


def _public(module: ast.Module) -> list[str]:
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


def _is_base(node: ast.ClassDef) -> bool:
    """Whether a class has a method that others are to write."""
    decorators = [
        ast.unparse(decorator)
        for item in node.body
        if isinstance(item, ast.FunctionDef)
        for decorator in item.decorator_list
    ]
    return any(name.endswith("abstractmethod") for name in decorators)


def _first_sentence(node: ast.ClassDef, module: ast.Module) -> str:
    """A class's first line; torch assigns some docstrings after the class."""
    text = ast.get_docstring(node)
    for item in module.body:
        if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == f"{node.name}.__doc__":
            constants = [
                (part.lineno, part.value)
                for part in ast.walk(item.value)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
            text = min(constants)[1] if constants else text
    first = inspect.cleandoc(text or "").split("\n\n")[0]
    return plain_text(" ".join(first.split()))
