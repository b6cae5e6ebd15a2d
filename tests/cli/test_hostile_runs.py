"""Runs and option files that mean harm: no command that opens one runs what is in it."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from command_line import forge, quick
from hostile import no_trace

from pyrovae.checkpoint import read, write
from pyrovae.cli import main

pytestmark = pytest.mark.usefixtures("no_trace")
__all__ = ["no_trace"]


def spec(class_path, **init_args):
    return {"class_path": class_path, "init_args": init_args}


POPEN = spec("torch.utils.collect_env.subprocess.Popen", args="touch owned", shell=True)
SYSTEM = spec("os.system", command="touch owned")

#: Whatever stands for a class or for an argument of one, and runs something where it is believed.
COMMANDS = {
    "a command": SYSTEM,
    "a command within torch": POPEN,
    "a command within torch's extensions": spec("torch.utils.cpp_extension.subprocess.Popen"),
    "a command within pyrovae": spec("pyrovae.files.os.system", command="touch owned"),
    "a command within a reader": spec("pyrovae.specifications.yaml.os.system"),
    "the command line": spec("pyrovae.__main__.main"),
    "the entry point": spec("pyrovae.cli.main"),
    "a file beside the run": spec("harm.Harm"),
    "a function": spec("builtins.exec", source="open('owned', 'w')"),
    "a loader": spec("torch.hub.load", repo_or_dir="."),
    "a pickle": spec("torch.load", f="harm.pt", weights_only=False),
    "another part": spec("pyrovae.nn.MLP", in_shape=2, hidden=[], out_shape=2),
    "a class of torch's": spec("torch.nn.Linear", in_features=1, out_features=1),
    "more beside it": {"class_path": "pyrovae.objectives.ELBO", "dict_kwargs": {"a": SYSTEM}},
    "a list": [SYSTEM],
    "a dotted text": "os.system",
    "a text": "harm.py",
}
SLOTS = (
    "model",
    "prior",
    "posterior",
    "likelihood",
    "encoder",
    "objective",
    "optimizer",
    "scheduler",
    "beta",
)
WHOLE = {f"{slot}: {name}": {slot: value} for slot in SLOTS for name, value in COMMANDS.items()}

#: The same as an argument of a class that may be named.
HOLDERS = {
    "max_plate_nesting of a Pyro estimator": (
        "objective",
        "pyro.infer.Trace_ELBO",
        "max_plate_nesting",
    ),
    "vectorize_particles": ("objective", "pyro.infer.TraceEnum_ELBO", "vectorize_particles"),
    "num_particles": ("objective", "pyro.infer.RenyiELBO", "num_particles"),
    "strict_enumeration_warning": (
        "objective",
        "pyro.infer.Trace_ELBO",
        "strict_enumeration_warning",
    ),
    "jit_options": ("objective", "pyro.infer.JitTrace_ELBO", "jit_options"),
    "an objective within another": ("objective", "pyrovae.objectives.BetaELBO", "elbo"),
    "a weight": ("objective", "pyrovae.objectives.BetaELBO", "beta"),
    "a learning rate": ("optimizer", "torch.optim.Adam", "lr"),
    "betas": ("optimizer", "torch.optim.Adam", "betas"),
    "parameters": ("optimizer", "torch.optim.SGD", "params"),
    "a step's size": ("scheduler", "torch.optim.lr_scheduler.StepLR", "step_size"),
    "a function of epochs": ("scheduler", "torch.optim.lr_scheduler.LambdaLR", "lr_lambda"),
    "a schedule's length": ("beta", "pyrovae.schedules.LinearWarmup", "epochs"),
}
ARGUMENTS = {
    f"{place}: {name}": {slot: spec(class_path, **{argument: value})}
    for place, (slot, class_path, argument) in HOLDERS.items()
    for name, value in COMMANDS.items()
    if isinstance(value, dict | list)
}
HOSTILE = {**WHOLE, **ARGUMENTS}
HOSTILE.pop("encoder: another part")  # which is one


@pytest.fixture(autouse=True)
def bait(no_trace, tmp_path):
    """Files that a reader might take for what an option names."""
    torch.save({"a": 1}, tmp_path / "harm.pt")
    for name in ("sklearn.py", "jax.py", "tensorboard.py", "pandas.py"):
        (tmp_path / name).write_text("open('owned', 'w').close()\n")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_run_that_somebody_else_made(name, trained, tmp_path, capsys):
    run = shutil.copytree(trained, tmp_path / "run")
    forge(run / "checkpoint.pt", **HOSTILE[name])
    assert main(["resume", str(run), "--epochs", "3", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert len(said) < 2500


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_of_options_that_somebody_else_wrote(name, tmp_path, capsys):
    file = tmp_path / "options.yaml"
    file.write_text(yaml.safe_dump({"epochs": 1, "samples": 2, **HOSTILE[name]}))
    assert main(["train", "--config", str(file), *quick(epochs=1), "--out", "run"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert not Path("run").exists()


OPENING = [
    ["evaluate"],
    ["score", "--out", "scores.csv"],
    ["anneal", "--first", "1", "--temperatures", "1", "--out", "annealed.csv"],
    ["encode", "--out", "codes.npy"],
    ["sample", "--out", "x.npy"],
    ["reconstruct", "--out", "x.npy"],
    ["plot"],
    ["resume", "--epochs", "3"],
]


@pytest.mark.parametrize("command", OPENING, ids=lambda command: command[0])
@pytest.mark.parametrize("place", ["components", "state_dict", "notes", "training"])
def test_every_command_that_opens_a_run(command, place, trained, tmp_path, capsys):
    run = shutil.copytree(trained, tmp_path / "run")
    content = read(run / "checkpoint.pt")
    harm = {
        "components": [*content["components"], SYSTEM],
        "state_dict": {"a": SYSTEM},
        "notes": {"options": SYSTEM},
        "training": SYSTEM,
    }
    write(run / "checkpoint.pt", content | {place: harm[place]})
    name, *options = command
    code = main([name, str(run), *options])
    said = capsys.readouterr().err
    # What a command has no use for is not looked at.
    assert code in (0, 2)
    assert "Traceback" not in said
    if place in ("components", "state_dict") or name == "resume":
        assert code == 2
        assert said.count("\n") == 1


@pytest.mark.parametrize("command", OPENING, ids=lambda command: command[0])
def test_a_config_that_means_harm_is_not_read(command, trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "config.yaml").write_text(yaml.safe_dump({"objective": POPEN, "prior": SYSTEM}))
    name, *options = command
    assert main([name, str(run), *options]) == 0


def test_a_run_in_its_own_folder(trained, tmp_path, monkeypatch):
    """Files beside a run bear the names of packages that may not be installed."""
    run = shutil.copytree(trained, tmp_path / "run")
    for name in ("sklearn.py", "jax.py", "tensorboard.py", "harm.py", "pyrovae.py"):
        (run / name).write_text("open('owned', 'w').close()\n")
    monkeypatch.chdir(run)
    assert main(["resume", ".", "--epochs", "3", "--quiet"]) == 0
    assert not (run / "owned").exists()


@pytest.mark.parametrize(
    ("value", "called"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "infinity"),
        (-float("inf"), "infinity"),
    ],
)
def test_weights_that_are_no_numbers(value, called, copied, capsys):
    content = read(copied / "checkpoint.pt")
    name = next(k for k, v in content["state_dict"].items() if v.is_floating_point())
    content["state_dict"][name].view(-1)[0] = value
    write(copied / "checkpoint.pt", content)
    assert main(["sample", str(copied)]) == 2
    said = f"pyrovae: {copied}/checkpoint.pt: the weights {name!r} contain {called}\n"
    assert capsys.readouterr().err == said
