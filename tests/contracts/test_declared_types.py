"""Every constructor of the library refuses what is not of the type that it declares."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_origin

import numpy as np
import pytest
import torch
from pyro.infer import ELBO, Trace_ELBO
from torch import nn

import pyrovae
from pyrovae import VAE
from pyrovae.codebooks import LearnedCodebook, VectorCodebook
from pyrovae.columns import Column
from pyrovae.component import Component
from pyrovae.declared import Declared, fits
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models import TopDownBlock, TopDownLayer
from pyrovae.nn import MLP
from pyrovae.nn.causal import Causal, CausalRecurrent
from pyrovae.nn.network import Network
from pyrovae.posteriors import NormalPosterior
from pyrovae.posteriors.base import Posterior
from pyrovae.priors import NormalPrior
from pyrovae.priors.base import Prior
from pyrovae.schedules import LinearWarmup, Schedule

#: One of each kind of part, whatever its shapes: types are looked at before shapes.
ONE = {
    Network: MLP(4, [], 4),
    Prior: NormalPrior(2),
    Posterior: NormalPosterior(MLP(4, [], 4)),
    Likelihood: BernoulliLikelihood(MLP(2, [], 4)),
    VectorCodebook: LearnedCodebook(),
    Causal: CausalRecurrent(4),
    ELBO: Trace_ELBO(),
    Schedule: LinearWarmup(),
    torch.Tensor: torch.rand(3, 4),
    Column: Column("height", "real"),
    TopDownLayer: TopDownBlock(
        NormalPosterior(MLP(3, [], 4)), NormalPosterior(MLP(7, [], 4)), MLP(5, [], 3)
    ),
}


def classes_of_the_library():
    found = {}
    for module in pkgutil.walk_packages(pyrovae.__path__, "pyrovae."):
        if not module.name.startswith(("pyrovae.cli", "pyrovae.__main__")):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, type) and issubclass(value, Declared):
                    own = value.__module__ == module.name and not name.startswith("_")
                    if own and "__init__" in vars(value) and not inspect.isabstract(value):
                        found[name] = value
    return found


def members(annotation):
    """The types in an annotation, those of a sequence's items included."""
    inner = get_args(annotation)
    is_literal = any(not isinstance(get_origin(i) or i, type) for i in inner if i is not Ellipsis)
    return {annotation} if not inner or is_literal else set().union(*map(members, inner))


def takes_functions(annotation):
    kinds = {annotation} | members(annotation)
    return any(get_origin(kind) is Callable for kind in kinds)


def some(annotation):
    """A value of that type."""
    if get_origin(annotation) is Sequence:
        return [some(get_args(annotation)[0])]
    if takes_functions(annotation):
        return print
    kinds = members(annotation)
    return next(iter([ONE[kind] for kind in ONE if kind in kinds]), 3)


def wrong(annotation):
    """Values that are not of that type, by name."""
    kinds = members(annotation)
    is_part = bool(kinds & (ONE.keys() - {torch.Tensor}))
    found = {"an object": object(), "an array": np.zeros(3)}
    if not takes_functions(annotation):
        found |= {"a class": dict, "a module": nn.ReLU()}
    if is_part:
        found |= {f"a {kind.__name__}": one for kind, one in ONE.items() if kind not in kinds}
        found |= {f"a class of {k.__name__}": type(one) for k, one in ONE.items() if k in kinds}
        found |= {"text": "NormalPrior", "a path": "pyrovae.priors.NormalPrior"}
        if not kinds & {int, float}:
            found["a number"] = 3
    if get_origin(annotation) is Sequence:
        inner = get_args(annotation)[0]
        found = {f"a list of {what}": [some(inner), v] for what, v in wrong(inner).items()}
        found |= {"an object": object(), "a text": "abc", "a lone one": some(inner)}
    if type(None) not in kinds:
        found["None"] = None
    return found


CASES = [
    pytest.param(cls, name, parameter.annotation, id=f"{cls.__name__}-{name}")
    for cls in classes_of_the_library().values()
    for name, parameter in inspect.signature(cls).parameters.items()
    if parameter.annotation not in (parameter.empty, Any)
    and parameter.kind is not parameter.VAR_KEYWORD
    and name != "max_plate_nesting"
]


def test_the_table_is_of_every_class():
    names = classes_of_the_library().keys()
    assert {"LadderVAE", "MixedVAE", "VampPrior", "Chain", "BetaELBO", "LinearWarmup"} <= names
    assert len(CASES) > 150


@pytest.mark.parametrize(("cls", "name", "annotation"), CASES)
def test_what_is_of_another_type_is_named(cls, name, annotation):
    parameters = inspect.signature(cls).parameters.values()
    arguments = {
        p.name: some(p.annotation)
        for p in parameters
        if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    }
    for what, value in wrong(annotation).items():
        with pytest.raises(ValueError, match=rf"^{name}(\[1\])?: expected .*, got ") as caught:
            cls(**arguments | {name: value})
        assert "\n" not in str(caught.value), what


def test_the_sentence_says_what_to_do():
    parts = [ONE[Prior], ONE[Posterior], ONE[Likelihood]]
    with pytest.raises(ValueError, match=r"^prior: expected a pyrovae\.priors\.Prior, got the "):
        VAE(NormalPrior, *parts[1:])
    with pytest.raises(ValueError, match=r"make one, NormalPrior\(\.\.\.\)$"):
        VAE(NormalPrior, *parts[1:])
    with pytest.raises(ValueError, match=r"got NormalPosterior$"):
        VAE(parts[1], *parts[1:])
    with pytest.raises(ValueError, match=r"^dropout: expected a number, got 'half'$"):
        MLP(4, [], 4, dropout="half")
    with pytest.raises(ValueError, match=r"^learned: expected true or false, got 'no'$"):
        NormalPrior(2, learned="no")


def test_a_class_of_somebody_elses_says_for_itself_what_it_takes():
    class Mine(VAE):
        def __init__(self, prior: int, size: "Nowhere") -> None:  # noqa: F821
            super().__init__(prior, ONE[Posterior], ONE[Likelihood])

    Mine(ONE[Prior], 3)
    with pytest.raises(ValueError, match=r"^prior: expected a pyrovae\.priors\.Prior, got 3"):
        Mine(3, 3)


def test_too_few_arguments_are_pythons_own_to_answer():
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'network'"):
        NormalPosterior()
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'scale'"):
        NormalPosterior(ONE[Network], scale=3)


def test_signatures_stay_to_be_read():
    assert list(inspect.signature(VAE).parameters) == ["prior", "posterior", "likelihood"]
    assert issubclass(Component, Declared)


@pytest.mark.parametrize(
    ("value", "annotation", "fitting"),
    [
        (3, float, True),
        (True, int, False),
        (True, float, False),
        (np.float64(3), float, True),
        (np.int64(3), int, False),
        (10**400, float, True),
        (float("nan"), float, True),  # the class says better what it expects
        ("abc", Sequence[str], False),
        (torch.Size([1, 2]), Sequence[int], True),
        (range(3), Sequence[int], True),
        ((1, "a"), tuple[int, str], True),
        ((1, 2), tuple[int, str], False),
        ((1, 2, 3), tuple[int, ...], True),
        ([], Sequence[int], True),
        ({"a": 1}, Mapping[str, float], True),
        ({"a": "b"}, Mapping[str, float], False),
        ({1: 1}, Mapping[str, float], False),
        (None, int | None, True),
        ("x", int | None, False),
        (object(), Any, True),
        (len, "unresolved", True),
    ],
)
def test_what_fits(value, annotation, fitting):
    assert fits(value, annotation) is fitting
