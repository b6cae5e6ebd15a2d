"""The command that a run is shown with makes the same run."""

import shlex

import pytest
import yaml
from command_line import quick

from pyrovae.checkpoint import read
from pyrovae.cli import main
from pyrovae.cli.repeat import command_of, without_paths

COMMANDS = {
    "nothing": "",
    "numbers": "--epochs 7 --validation 0.2 --batch_size 10 --beta 4 --checkpoint_minutes none",
    "flags": "--drop_last --compile true --quiet --begin_at_mean",
    "arguments of the usual classes": "--encoder.hidden [16,8] --optimizer.lr 1e-4",
    "another class": "--prior VampPrior --prior.components 7 --optimizer SGD --optimizer.lr 0.1",
    "the usual class with other arguments": "--encoder MLP --encoder.hidden [400,20]",
    "a class of the same short name": "--objective pyro.infer.RenyiELBO --objective.num_particles 3",
    "a class within another": "--objective BetaELBO --objective.elbo TotalCorrelationELBO "
    "--objective.elbo.beta 3",
    "a schedule": "--beta LinearWarmup --beta.epochs 2",
    "a mapping": "--prior DistributionPrior --prior.family StudentT --prior.parameters '{df: 3.0}'",
    "a model without some parts": "--model Autoencoder --latent_features 2",
    "a scheduler": "--scheduler MultiStepLR --scheduler.milestones [1,2] --scheduler_moves step",
    "columns of a table": "--data x.csv --columns age=positive,size=small<large",
    "no seed": "--seed none --clip_norm 5",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_makes_the_same_run(name, in_tmp, capsys):
    found = []
    words = shlex.split(COMMANDS[name])
    for _ in range(2):
        assert main(["train", *words, "--print_config"]) == 0
        found.append(yaml.safe_load(capsys.readouterr().out))
        program, command, *words = shlex.split(command_of(found[-1]))
        assert (program, command) == ("pyrovae", "train")
    assert found[0] == found[1]


def test_what_is_usual_is_left_out(in_tmp, capsys):
    assert main(["train", *quick(), "--prior", "NormalPrior", "--print_config"]) == 0
    command = command_of(yaml.safe_load(capsys.readouterr().out))
    assert command == (
        "pyrovae train --latent_features 3 --encoder.hidden '[16]' --decoder.hidden '[16]' "
        "--epochs 2 --samples 5 --quiet true"
    )


def test_no_folders_of_a_machine(trained):
    options = read(trained / "checkpoint.pt")["notes"]["options"]
    assert options["root"].startswith("/")
    assert "/" not in command_of(options | {"data": "/home/somebody/faces.npz"})
    assert without_paths({"root": "/a/b", "data": "mnist"}) == {"root": "b", "data": "mnist"}


@pytest.mark.parametrize(
    "odd",
    [
        {"prior": {"class_path": "$(touch owned)", "init_args": {"`id`": "; ls"}}},
        {"prior": {"class_path": 3}, "objective": [1, {"class_path": "x"}], "beta": "a b"},
        {"optimizer": {"class_path": "os.system", "init_args": []}, "data": "-x"},
        {"data": 3, "root": None, "unheard_of": 1, "encoder": {"class_path": "--epochs"}},
    ],
)
def test_a_strangers_options_are_words_for_a_shell(odd, trained, in_tmp):
    options = read(trained / "checkpoint.pt")["notes"]["options"]
    words = shlex.split(command_of(options | odd))
    # Nothing stands outside quotes that a shell would do something with.
    assert command_of(options | odd) == shlex.join(words)
    assert words[:2] == ["pyrovae", "train"]
