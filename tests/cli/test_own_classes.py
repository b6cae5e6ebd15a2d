"""Classes of a user's own: found from where the command is given, last, and only where named."""

import sys
from pathlib import Path

import pytest
import torch
from command_line import quick, run

from pyrovae.cli import main
from pyrovae.cli.runs import Run
from pyrovae.datasets import load_data

PARTS = """
import pyro.distributions as dist
import torch
from pyrovae.objectives import ELBO
from pyrovae.priors import Prior

class LaplacePrior(Prior):
    def __init__(self, latent_features, *, scale: float = 1.0):
        super().__init__()
        self.register_buffer("scale", torch.full((latent_features,), scale))

    def forward(self):
        return dist.Laplace(torch.zeros_like(self.scale), self.scale).to_event(1)

class MyELBO(ELBO):
    pass
"""


TRAP = "open('was_here', 'w').close()\nraise SystemExit('a trap')\n"
# Modules that are installed, of the standard library, and looked for where they may be missing.
TRAPS = ("sklearn", "yaml", "tqdm", "shlex", "csv", "tensorboard", "pandas", "libneuronxla")


def set_traps(folder):
    for name in TRAPS:
        (folder / f"{name}.py").write_text(TRAP)


@pytest.fixture
def here(in_tmp, monkeypatch):
    """This process as a new one is: it has imported nothing from where the commands are given."""
    monkeypatch.setattr(sys, "path", list(sys.path))  # which the command line adds to
    yield
    for name in ("my_parts", "passing", "keeps_data"):
        sys.modules.pop(name, None)


# One command is a process of its own; to start one takes longer than the other commands.
@pytest.mark.usefixtures("here")
def test_users_own_classes_in_every_command(capsys):
    Path("my_parts.py").write_text(PARTS)
    # The working directory is the last place, for these classes alone.
    set_traps(Path())
    own = ["--prior", "my_parts.LaplacePrior", "--prior.scale", "0.5"]
    done = run("train", *quick(), *own, "--objective", "my_parts.MyELBO", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert not Path("was_here").exists()
    for name in TRAPS:  # this process has what has been imported by now
        Path(f"{name}.py").unlink()
    for refused in (["sample", "run"], ["resume", "run", "--epochs", "3"]):
        for allowed in ([], ["--allow", "other"]):
            assert main([*refused, *allowed]) == 2
            assert "--allow my_parts" in capsys.readouterr().err
    for command in (
        ["resume", "run", "--epochs", "3", "--quiet"],
        ["evaluate", "run", "--samples", "2"],
        ["sample", "run"],
        ["reconstruct", "run"],
        ["plot", "run"],
    ):
        assert main([*command, "--allow", "my_parts"]) == 0, capsys.readouterr().err
    assert main(["compare", "run"]) == 0
    assert main(["list", "my_parts.LaplacePrior"]) == 0
    assert "--prior.scale" in capsys.readouterr().out


PASSING = """
from pyrovae.priors import MixturePrior

class Sharp(MixturePrior):
    def __init__(self, *, sharp: float = 1.0, **kwargs):
        super().__init__(**kwargs)
"""


@pytest.mark.usefixtures("here")
def test_a_class_that_passes_its_arguments_on(capsys):
    Path("passing.py").write_text(PASSING)
    own = ["--prior", "passing.Sharp", "--prior.components", "3"]
    assert main(["train", *quick(), *own, "--out", "run"]) == 0, capsys.readouterr().err


KEEPS_DATA = """
import pyro.distributions as dist
import torch
from pyrovae.priors import Prior

class MeanPixelPrior(Prior):
    \"\"\"Keeps data, of which it uses no more than their mean.\"\"\"

    def __init__(self, latent_features: int, *, exemplars: torch.Tensor) -> None:
        super().__init__()
        self.latent_shape = torch.Size([latent_features])
        self.mean = exemplars.mean()

    def _load_from_state_dict(self, *args) -> None:
        super()._load_from_state_dict(*args)
        self.complete = False

    def set_data(self, x: torch.Tensor) -> None:
        self.mean = x.mean()
        self.complete = True

    def forward(self):
        assert self.complete
        return dist.Normal(self.mean * torch.ones(self.latent_shape), 1.0).to_event(1)
"""


@pytest.mark.usefixtures("here")
def test_a_users_prior_that_keeps_data_is_given_them_again(capsys):
    Path("keeps_data.py").write_text(KEEPS_DATA)
    own = ["--prior", "keeps_data.MeanPixelPrior", "--binarization", "none"]
    assert main(["train", *quick(), *own, "--out", "run"]) == 0, capsys.readouterr().err
    allowed = ["--allow", "keeps_data"]
    assert main(["sample", "run", "--n", "3", *allowed, "--out", "x.npy"]) == 0
    loaded = Run("run", allow=["keeps_data"]).model()
    (x,) = load_data("digits").train.take(5000)
    torch.testing.assert_close(loaded.prior.mean, x.mean())


# Training meets them above, in the ordinary suite.
@pytest.mark.proof
@pytest.mark.parametrize("command", [["resume", ".", "--quiet", "--epochs", "3"], ["sample", "."]])
def test_a_module_that_lies_in_the_folder_is_not_taken_for_another(copied, command):
    set_traps(copied)
    done = run(*command, cwd=copied)
    assert done.returncode == 0, done.stderr
    assert not (copied / "was_here").exists()


def test_a_checkpoint_cannot_name_the_entry_point(copied):
    """``pyrovae.__main__`` runs the command line where it is run, and not where it is imported."""
    before = list(sys.modules)
    import pyrovae.__main__  # noqa: F401

    assert "pyrovae.__main__" not in before
