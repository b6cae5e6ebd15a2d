"""Files of options: they repeat a run, what is typed overrides them, and they run no code."""

import shutil
from pathlib import Path

import pytest
import yaml
from command_line import quick, rows_of, same_weights

from pyrovae.checkpoint import read
from pyrovae.cli import main


def write(options):
    Path("run.yaml").write_text(yaml.safe_dump(options))
    return ["train", "--config", "run.yaml", "--print_config"]


def printed(arguments, capsys):
    assert main(arguments) == 0
    return yaml.safe_load(capsys.readouterr().out)


def test_config_file_repeats_a_run(in_tmp, trained):
    assert main(["train", "--config", str(trained / "config.yaml"), "--out", "again"]) == 0
    assert same_weights(trained / "checkpoint.pt", "again/checkpoint.pt")


def test_print_config_is_a_config(in_tmp, capsys):
    assert main(["train", *quick(), "--print_config"]) == 0
    Path("run.yaml").write_text(capsys.readouterr().out)
    assert main(["train", "--config", "run.yaml", "--out", "run", "--epochs", "1"]) == 0
    assert len(rows_of(Path("run/history.csv"))) == 1
    assert read("run/checkpoint.pt")["notes"]["options"]["epochs"] == 1


def test_what_is_typed_overrides_argument_by_argument(in_tmp, capsys):
    vamp = {"class_path": "VampPrior", "init_args": {"components": 7}}
    beta = {"class_path": "pyrovae.objectives.BetaELBO", "init_args": {"beta": 2.0}}
    command = write({"prior": vamp, "objective": beta, "epochs": 3})
    config = printed([*command, "--prior.components", "100", "--epochs", "5"], capsys)
    assert config["prior"]["class_path"] == "pyrovae.priors.VampPrior"
    assert config["prior"]["init_args"] == {"components": 100}
    assert config["epochs"] == 5
    assert config["objective"]["init_args"]["beta"] == 2.0
    # Another argument of the same class keeps the file's.
    config = printed([*command, "--objective.elbo", "RenyiELBO"], capsys)
    assert config["objective"]["init_args"]["beta"] == 2.0
    assert config["objective"]["init_args"]["elbo"]["class_path"].endswith("RenyiELBO")
    # Another class drops the arguments of the former.
    config = printed([*command, "--prior", "MixturePrior"], capsys)
    assert config["prior"]["init_args"] == {"components": 10}
    # The same class, named again, does not.
    config = printed([*command, "--prior", "VampPrior"], capsys)
    assert config["prior"]["init_args"] == {"components": 7}


def test_short_names_and_numbers_as_people_write_them(in_tmp, capsys):
    Path("run.yaml").write_text(
        "objective: RenyiELBO\nbeta: 5e-1\noptimizer: {class_path: Adam, init_args: {lr: 1e-4}}\n"
    )
    config = printed(["train", "--config", "run.yaml", "--print_config"], capsys)
    assert config["objective"]["class_path"] == "pyrovae.objectives.RenyiELBO"
    assert config["beta"] == 0.5
    assert config["optimizer"]["init_args"]["lr"] == 1e-4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "run.yaml"),
        ("- 1", "run.yaml"),
        ("epoch: 3", "did you mean epochs?"),
        ("epochs: x", "run.yaml: epochs: expected a whole number, got 'x'"),
        ("epochs: 0", "run.yaml: epochs: expected at least 1, got 0"),
        ("overwrite: true", "there is no option 'overwrite'"),
        ("allow: [evil]", "there is no option 'allow'"),
        ("prior: 3", "run.yaml: prior"),
        ("prior: Vamp", "did you mean VampPrior?"),
        ("prior: {class_path: VampPrior, init_args: {component: 3}}", "did you mean components?"),
        ("prior: {class_path: VampPrior, init_args: {components: x}}", "components"),
        ("prior: {class_path: evil.Prior}", "--allow evil"),
        ("objective: {class_path: BetaELBO, init_args: {elbo: {class_path: evil.E}}}", "evil"),
        ("objective: {class_path: BetaELBO, init_args: {beta: {class_path: evil.E}}}", "beta"),
        ("optimizer: {class_path: torch.hub.load}", "optimizer"),
        ("encoder: {class_path: MLP, init_args: {hidden: [evil.E]}}", "hidden"),
        ("a: &a [*a]", "alias"),
        ("data: !!python/object/apply:os.system [touch was_here]", "run.yaml"),
    ],
)
def test_a_file_that_is_wrong_or_hostile(in_tmp, text, said, capsys):
    Path("evil.py").write_text("open('was_here', 'w').close()")
    Path("run.yaml").write_text(text)
    assert main(["train", "--config", "run.yaml"]) == 2
    answer = capsys.readouterr().err
    assert said in answer
    assert answer.count("\n") == 1
    assert sorted(path.name for path in in_tmp.iterdir()) == ["evil.py", "run.yaml"]


PRIOR = """
from pyrovae.priors import NormalPrior

class MyPrior(NormalPrior):
    pass
"""


def test_a_class_of_ones_own_in_a_file_has_to_be_allowed(in_tmp, capsys, monkeypatch):
    Path("my_prior.py").write_text(PRIOR)
    monkeypatch.syspath_prepend(in_tmp)
    command = write({"prior": {"class_path": "my_prior.MyPrior"}})
    assert main(command) == 2
    assert "--allow my_prior" in capsys.readouterr().err
    config = printed([*command, "--allow", "my_prior"], capsys)
    assert config["prior"]["class_path"] == "my_prior.MyPrior"
    # A typed name allows itself, and nothing that the file names.
    Path("other_prior.py").write_text(PRIOR)
    assert main([*command, "--prior", "other_prior.MyPrior"]) == 2
    assert "--allow my_prior" in capsys.readouterr().err


def test_repeating_a_run_does_not_write_over_it(in_tmp, trained):
    shutil.copytree(trained, "run")
    before = Path("run/checkpoint.pt").read_bytes()
    assert main(["train", "--config", "run/config.yaml", "--epochs", "1"]) == 0
    assert Path("run/checkpoint.pt").read_bytes() == before
    assert [path.name for path in Path("runs").iterdir()] == ["digits-NormalPrior-ELBO-1"]
