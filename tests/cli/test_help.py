"""Help, lists and completion: quick, because they load no torch, and true to the classes."""

import subprocess
import sys
from dataclasses import replace
from typing import get_args

import pytest

import pyrovae
from pyrovae.cli import main
from pyrovae.cli.catalogue import KINDS, SLOT_OF, catalogue
from pyrovae.cli.classes import asked_for
from pyrovae.cli.commands.train import GROUPS, OFTEN, train
from pyrovae.cli.completion import words
from pyrovae.cli.main import COMMANDS, command
from pyrovae.cli.signatures import REQUIRED, class_parameters, parameters
from pyrovae.codebooks import Codebook
from pyrovae.likelihoods import Likelihood
from pyrovae.specifications import SLOTS, choices, find_class, nested_slot


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["train", "--help", "all"],
        ["train", "--prior.help"],
        ["evaluate", "--help"],
        ["list"],
        ["list", "optimizers"],
        ["completion", "bash"],
        ["train", "--epochs", "x"],
        ["flyy"],
    ],
)
def test_torch_is_not_loaded(arguments):
    code = (
        "import sys, pyrovae, pyrovae.cli; "
        f"pyrovae.cli.main({arguments!r}); "
        "assert not {'torch', 'pyro', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert pyrovae.__version__ in capsys.readouterr().out
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert "pyrovae train" in shown
    assert all(f"\n  {name} " in shown for name in COMMANDS)
    assert main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    for word in ("VampPrior", "LowRankNormalPosterior", "AnalyticKLELBO", "dynamic", "--beta"):
        assert word in text
    assert "--clip_norm" not in text
    assert "--help all" in text
    for everything in (["--help", "all"], ["--help-all"]):
        assert main(["train", *everything]) == 0
        text = capsys.readouterr().out
        assert all(f"--{name} " in text or f"--{name}\n" in text for name in parameters(train))


def test_what_a_class_takes(capsys):
    for arguments in (["train", "--prior.help", "VampPrior"], ["list", "VampPrior"]):
        assert main(arguments) == 0
        text = capsys.readouterr().out
        assert "--prior.components" in text
        assert "--prior.pseudo_inputs" not in text  # what the data know is not asked for
    assert main(["list", "Adam"]) == 0
    text = capsys.readouterr().out
    assert "--optimizer.lr" in text
    assert "--optimizer.params" not in text


def test_every_option_stands_in_one_group():
    options = [name for names in GROUPS.values() for name in names.split()]
    assert sorted(options) == sorted(parameters(train))
    assert set(OFTEN.split()) <= set(options)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name):
    for parameter in parameters(command(name)).values():
        assert parameter.help, parameter.name
        assert not parameter.help.startswith(" ")


def can_be_typed(cls, slot):
    """Whether a command line can give every argument that a class needs."""
    needed = [p for p in asked_for(cls, slot).values() if p.default is REQUIRED]
    nested = (nested_slot(parameter.annotation) for parameter in needed)
    says = getattr(cls, "network_shape", None)  # of a likelihood, that of the one within it
    is_said = says is not None and says.__func__ is not Likelihood.network_shape.__func__
    return all(
        slot is None or slot.base() is Codebook or (slot.base() is Likelihood and is_said)
        for slot in nested
    )


def can_be_used(cls, slot):
    """Whether some model of the command line has a place for it."""
    if slot == "model":
        return "likelihood" in class_parameters(cls)
    if slot in ("encoder", "decoder", "discriminator"):
        return "out_shape" in class_parameters(cls)
    # Of models that are made in Python.
    return cls.__name__ not in {"ClassificationELBO", "SubsetsELBO"}


@pytest.mark.parametrize("slot", SLOT_OF)
def test_the_lists_are_those_of_the_classes(slot):
    """Read without importing, they say what importing says."""
    classes = {name: find_class(name, SLOTS[slot]) for name in choices(SLOTS[slot])}
    named = [
        name
        for name, cls in classes.items()
        if can_be_typed(cls, SLOTS[slot]) and can_be_used(cls, slot)
    ]
    assert sorted(catalogue(SLOT_OF[slot])) == sorted(named)


@pytest.mark.parametrize("slot", SLOT_OF)
def test_what_is_made_in_python_alone_says_so(slot):
    """What has a short name, and stands in no list, is refused with the reason."""
    place, listed = SLOTS[slot], catalogue(SLOT_OF[slot])
    unlisted = set(choices(replace(place, refused={}))) - {*listed}
    by_others = {  # said where their networks, or the model's sites, are looked at
        "ClassificationELBO",
        "MixtureOfProductsPosterior",
        "MixturePosterior",
        "ProductPosterior",
        "SubsetsELBO",
    }
    by_shape = {"PatchDiscriminator"}  # fits a discriminator's shapes alone
    assert unlisted - by_others - by_shape == set(place.refused) & unlisted
    assert not set(place.refused) & {*listed}
    for name in unlisted & set(place.refused):
        with pytest.raises(ValueError, match=f"^{slot}: {name} cannot be used here: .+"):
            find_class(name, place)
        if place.trusted == ("pyrovae",):
            assert "Python" in place.refused[name]


@pytest.mark.parametrize("kind", KINDS)
def test_each_line_of_a_list_says_something(kind, capsys):
    assert main(["list", kind]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(catalogue(kind))
    for line in lines:
        assert len(line.split()) > 3, line


def test_data_and_figures_are_listed_whole(trained):
    from pyrovae.datasets.load import NAMES

    assert set(catalogue("data")) == set(NAMES)
    drawn = {path.stem for path in (trained / "figures").iterdir()}
    assert drawn | {"manifold", "columns"} == set(catalogue("figures"))


def test_completion_follows_the_signatures():
    follow = words()
    assert set(COMMANDS) == set(follow["", ""])
    for name in COMMANDS:
        options = {f"--{key}" for key, p in parameters(command(name)).items() if not p.is_noun}
        assert set(follow[name, ""]) == options | {"--help"}
    assert "VampPrior" in follow["train", "--prior"]
    assert follow["evaluate", "--split"] == ["train", "validation", "test"]
    binarization = parameters(train)["binarization"].annotation
    assert follow["train", "--binarization"] == list(get_args(binarization))


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("pyrovae res", {"resume"}),
        ("pyrovae train --clip", {"--clip_norm"}),
        ("pyrovae train --prior Vam", {"VampPrior"}),
        ("pyrovae plot --only inter", {"interpolation", "interpolation_spherical"}),
        ("pyrovae list opt", {"optimizers"}),
        ("pyrovae evaluate --split v", {"validation"}),
    ],
)
def test_bash_completes(line, offered, capsys):
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    typed = line.split()
    code = (
        f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(typed) - 1}; _pyrovae; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == offered


def test_scripts_for_other_shells(capsys):
    assert main(["completion", "zsh"]) == 0
    assert "bashcompinit" in capsys.readouterr().out
    assert main(["completion", "fish"]) == 0
    text = capsys.readouterr().out
    assert "complete -c pyrovae -n '__fish_seen_subcommand_from train' -l prior" in text
