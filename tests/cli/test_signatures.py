"""``pyrovae train`` spells out the options of what it calls: they must not drift apart."""

import inspect

import pytest

import pyrovae
from pyrovae.cli.commands.train import ADAM, DENSE, train
from pyrovae.cli.signatures import class_parameters, described, parameters, plain_text
from pyrovae.datasets import load_data
from pyrovae.training import fit

# What training takes and no user of a command line gives: another command gives it, or files.
# And data without a length come from Python alone.
UNASKED = {"model", "progress", "on_epoch", "checkpoint", "resume", "callbacks", "notes"}
UNASKED |= {"steps_per_epoch"}
# Named by their class, and said in full where fit says None.
CLASSES = {"objective", "optimizer"}


@pytest.mark.parametrize(
    ("function", "unasked"),
    # Which likelihood the data are for, the data do not know.
    [(load_data, {"binarization"}), (fit, UNASKED | CLASSES | {"data"})],
)
def test_names_and_defaults_are_those_of_what_is_called(function, unasked):
    mine = parameters(train)
    theirs = inspect.signature(function).parameters
    for name, parameter in theirs.items():
        if name not in unasked:
            assert name in mine, name
            assert mine[name].default == parameter.default, name


def test_the_usual_optimizer_is_fits():
    import torch

    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1e-3, fused=True)
    assert ADAM["class_path"] == "torch.optim.Adam"
    for name, value in ADAM["init_args"].items():
        assert optimizer.defaults[name] == value
    assert DENSE["init_args"] == {"hidden": [400]}


def test_docstrings_are_read():
    text = """Does something.

    Args:
        first: What it is. It goes
            on in another line: with a colon.
        second (int): Another.

            After a break.

    Returns:
        third: None of them.
    """
    assert described(text) == {
        "first": "What it is. It goes on in another line: with a colon.",
        "second": "Another. After a break.",
    }


def test_the_package_names_what_it_loads():
    assert set(pyrovae.__all__) <= set(dir(pyrovae))
    for name in dir(pyrovae):
        assert getattr(pyrovae, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pyrovae.nothing  # noqa: B018
    source = inspect.getsource(pyrovae)
    for name in set(pyrovae.__all__) - {"__version__"}:
        home = getattr(pyrovae, name).__module__.split(".")[1]
        (line,) = [
            line
            for line in source.splitlines()
            if line.startswith("    from") and name in line.partition(" import ")[2].split(", ")
        ]
        assert line.startswith(f"    from pyrovae.{home}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (r"The weight, :math:`\gamma`; see `VAE`.", "The weight, gamma; see VAE."),
        (r":math:`\log p(x \mid z)`", "log p(x | z)"),
        (r":math:`\frac{1}{N} \sum_n q(z \mid x_n)`", "1 / N sum_n q(z | x_n)"),
        (r":math:`\frac{N - 1}{N B} \, v`", "(N - 1) / (N B) v"),
        (r":math:`x_0, \dots, x_T \geq 0`", "x_0, ..., x_T >= 0"),
        (r"a path such as ``C:\data``", r"a path such as C:\data"),
    ],
)
def test_help_is_text_without_tex(text, told):
    assert plain_text(text) == told


def test_help_of_the_objectives_has_no_tex():
    for name in pyrovae.objectives.__all__:
        found = getattr(pyrovae.objectives, name)
        for parameter in class_parameters(found).values() if isinstance(found, type) else ():
            assert "\\" not in parameter.help, (name, parameter.name)
