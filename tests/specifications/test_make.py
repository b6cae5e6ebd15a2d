"""Specifications of classes: which may stand where, with which arguments."""

import sys
import textwrap

import pyro.infer
import pytest
import torch
from torch import nn

from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, BetaELBO, ImportanceWeightedELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import FlowPrior, MixturePrior, NormalPrior, VampPrior
from pyrovae.schedules import LinearWarmup
from pyrovae.specifications import SLOTS, check_spec, choices, find_class, instantiate, resolve


def spec(class_path, **init_args):
    return {"class_path": class_path, "init_args": init_args}


@pytest.mark.parametrize(
    ("slot", "name", "cls"),
    [
        ("prior", "VampPrior", VampPrior),
        ("prior", "pyrovae.priors.VampPrior", VampPrior),
        ("prior", "pyrovae.priors.vamp.VampPrior", VampPrior),
        ("component", "pyrovae.nn.MLP", MLP),
        ("objective", "ELBO", ELBO),
        ("objective", "Trace_ELBO", pyro.infer.Trace_ELBO),
        ("objective", "pyro.infer.trace_elbo.Trace_ELBO", pyro.infer.Trace_ELBO),
        ("beta", "LinearWarmup", LinearWarmup),
        ("optimizer", "Adam", torch.optim.Adam),
        ("optimizer", "torch.optim.sgd.SGD", torch.optim.SGD),
        ("scheduler", "StepLR", torch.optim.lr_scheduler.StepLR),
    ],
)
def test_a_class_is_found_by_its_short_name_or_its_path(slot, name, cls):
    assert find_class(name, SLOTS[slot]) is cls


@pytest.mark.parametrize("slot", [name for name in SLOTS if name != "component"])
def test_every_choice_can_be_found(slot):
    for name in choices(SLOTS[slot]):
        assert issubclass(find_class(name, SLOTS[slot]), SLOTS[slot].base())


@pytest.mark.parametrize(
    ("slot", "name", "words"),
    [
        ("prior", "VmapPrior", ["VampPrior", "did you mean"]),
        ("prior", "Nothing at all", ["NormalPrior"]),
        ("prior", "Prior", ["not a base class"]),
        ("prior", "pyrovae.priors.Prior", ["not a base class"]),
        ("prior", "NormalPosterior", ["expected one of"]),
        ("prior", "pyrovae.posteriors.NormalPosterior", ["expected a subclass of Prior"]),
        ("prior", "pyrovae.priors.nothing.Nothing", ["no such class"]),
        ("optimizer", "LBFGS", ["LBFGS", "several times"]),
        ("optimizer", "torch.optim.SparseAdam", ["SparseAdam", "sparse"]),
        ("scheduler", "LambdaLR", ["function"]),
        ("optimizer", "", ["expected one of"]),
    ],
)
def test_what_does_not_stand_in_a_slot_is_refused_with_what_does(slot, name, words):
    with pytest.raises(ValueError, match=f"^{slot}: ") as caught:
        find_class(name, SLOTS[slot])
    assert all(word in str(caught.value) for word in words)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A user's package, which leaves a trace when it is imported."""
    folder = tmp_path / "their_package"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        textwrap.dedent("""
        import os, subprocess
        from pathlib import Path
        from pyrovae.priors import NormalPrior, VampPrior

        Path(__file__).with_name("imported").touch()

        class TheirPrior(NormalPrior):
            def __init__(self, latent_features, width=1, part=None):
                super().__init__(latent_features)
                self.width = width
        """)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder / "imported"
    sys.modules.pop("their_package", None)


def test_a_class_of_ones_own_is_imported_only_from_a_package_that_is_allowed(package):
    path = "their_package.TheirPrior"
    for allow in ([], ["their"], ["their_package2"], ["their_package.TheirPrior"], ["pyrovae"]):
        with pytest.raises(ValueError, match="'their_package' is not allowed"):
            find_class(path, SLOTS["prior"], allow=allow)
        assert not package.exists()
    prior = instantiate(
        spec(path, width=3),
        SLOTS["prior"],
        allow=["their_package"],
        known={"latent_features": 2},
    )
    assert (type(prior).__name__, prior.width, prior.latent_shape) == ("TheirPrior", 3, (2,))
    assert package.exists()


@pytest.mark.parametrize(
    ("slot", "path"),
    [
        ("component", "their_package.os.system"),
        ("component", "their_package.subprocess.Popen"),
        ("component", "their_package.Path"),
        ("component", "torch.nn.Linear"),
        ("optimizer", "torch.utils.cpp_extension.subprocess.Popen"),
        ("optimizer", "torch.optim.lr_scheduler.StepLR"),
        ("objective", "pyro.infer.SVI"),
        ("component", "pyrovae.files.os.system"),
        ("component", "pyrovae.__main__.main"),
        ("component", "pyrovae.__main__.Anything"),
        ("component", "pyrovae.nn.mlp.nn.Linear"),
    ],
)
def test_a_class_belongs_where_it_is_defined(slot, path, package):
    with pytest.raises(ValueError, match="not allowed|no such class|expected a subclass"):
        resolve(path, SLOTS[slot], allow=["their_package", "torch"])


def test_what_is_reached_through_an_allowed_package_is_not_theirs(package):
    # Of a trusted package it may be all the same: it is checked like any other of it.
    assert resolve("their_package.VampPrior", SLOTS["prior"], allow=["their_package"]) is VampPrior
    with pytest.raises(ValueError, match="is not allowed"):
        resolve("their_package.VampPrior", SLOTS["prior"])


def test_parts_within_parts_are_made_where_a_class_declares_them():
    objective = instantiate(
        spec("BetaELBO", beta=4, elbo=spec("ImportanceWeightedELBO", num_particles=5)),
        SLOTS["objective"],
    )
    assert isinstance(objective, BetaELBO)
    assert isinstance(objective.elbo, ImportanceWeightedELBO)
    assert objective.elbo.num_particles == 5


def test_what_others_know_is_passed_to_the_classes_that_name_it():
    network = MLP(4, [], 6)
    posterior = instantiate("NormalPosterior", SLOTS["posterior"], known={"network": network})
    assert isinstance(posterior, NormalPosterior)
    assert posterior.network is network
    asked = []
    known = {"latent_features": 2, "pseudo_inputs": lambda: asked.append(1)}
    assert isinstance(instantiate("NormalPrior", SLOTS["prior"], known=known), NormalPrior)
    assert asked == []  # only for a class that takes it
    flow = instantiate(spec("FlowPrior", hidden=[3]), SLOTS["prior"], known=known)
    assert isinstance(flow, FlowPrior)
    with pytest.raises(ValueError, match=r"prior\.latent_features: expected it to be omitted"):
        instantiate(spec("NormalPrior", latent_features=7), SLOTS["prior"], known=known)
    with pytest.raises(ValueError, match="expected a value for latent_features"):
        instantiate("NormalPrior", SLOTS["prior"])


def test_an_optimizer_waits_for_its_parameters():
    make = instantiate(spec("Adam", lr=0.01, betas=[0.5, 0.9]), SLOTS["optimizer"])
    parameters = [nn.Parameter(torch.zeros(2))]
    optimizer = make(parameters)
    assert type(optimizer) is torch.optim.Adam
    assert optimizer.param_groups[0]["lr"] == 0.01
    scheduler = instantiate(spec("StepLR", step_size=3), SLOTS["scheduler"])(optimizer)
    assert scheduler.step_size == 3
    with pytest.raises(ValueError, match="optimizer: .*learning rate"):
        instantiate(spec("Adam", lr=-1.0), SLOTS["optimizer"])(parameters)


SYSTEM = spec("os.system", command="touch owned")


@pytest.mark.parametrize(
    ("slot", "value", "words"),
    [
        ("prior", spec("MixturePrior", components="many"), "components: expected a whole number"),
        ("prior", spec("MixturePrior", components=2.5), "components: expected a whole number"),
        ("prior", spec("MixturePrior", components=True), "components: expected a whole number"),
        ("prior", spec("MixturePrior", componets=2), "did you mean components"),
        ("prior", spec("FlowPrior", hidden=3), "hidden: expected a list of whole numbers"),
        ("prior", spec("FlowPrior", hidden=["a"]), "hidden: expected a list of whole numbers"),
        ("prior", spec("FlowPrior", transform="x"), "transform: expected one of"),
        ("prior", spec("NormalPrior", learned=1), "learned: expected true or false"),
        ("prior", spec("MixturePrior", components=SYSTEM), "expected a plain value"),
        ("prior", spec("VampPrior", posterior=SYSTEM), "not allowed"),
        ("prior", spec("DistributionPrior", parameters={"df": "x"}), "mapping to a number"),
        ("optimizer", spec("Adam", lr="fast"), "lr: expected a number"),
        ("optimizer", spec("Adam", lr=SYSTEM), "expected a plain value"),
        ("optimizer", spec("Adam", params=SYSTEM), "expected a plain value"),
        ("objective", spec("pyro.infer.Trace_ELBO", max_plate_nesting=SYSTEM), "plain value"),
        ("objective", spec("BetaELBO", elbo=SYSTEM), "not allowed"),
        ("objective", spec("BetaELBO", elbo=spec("NormalPrior")), "expected one of"),
        ("objective", {"class_path": "ELBO", "dict_kwargs": {"a": SYSTEM}}, "class_path and init"),
        ("objective", {"class_path": ["ELBO"]}, "class_path and init_args"),
        ("objective", {"class_path": "ELBO", "init_args": [1]}, "class_path and init_args"),
        ("objective", 3, "class_path and init_args"),
        ("objective", None, "class_path and init_args"),
        ("beta", spec("LinearWarmup", epochs={"a": object()}), "got object"),
    ],
)
def test_arguments_are_plain_values_of_the_declared_types(slot, value, words):
    with pytest.raises(ValueError, match=words) as caught:
        check_spec(value, SLOTS[slot])
    assert "\n" not in str(caught.value)


def test_what_a_class_itself_refuses_is_said_with_its_place():
    with pytest.raises(ValueError, match=r"prior: components: expected positive"):
        instantiate(
            spec("MixturePrior", components=0), SLOTS["prior"], known={"latent_features": 2}
        )
    assert isinstance(
        instantiate(spec("MixturePrior"), SLOTS["prior"], known={"latent_features": 2}),
        MixturePrior,
    )
