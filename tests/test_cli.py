"""The command line, through its entry point: what a person types, sees and finds on disk."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import pyrovae
from pyrovae.checkpoint import load, read
from pyrovae.cli import main
from pyrovae.cli.runs import Run
from pyrovae.datasets import load_data

SMALL = ["--encoder.hidden", "[16]", "--decoder.hidden", "[16]", "--latent_features", "3"]
QUICK = [*SMALL, "--epochs", "2", "--samples", "5", "--quiet"]
FIGURES = {
    "training_curves.png",
    "reconstructions.png",
    "samples.png",
    "interpolation.png",
    "interpolation_spherical.png",
    "traversal.png",
    "latents.png",
    "latent_codes.png",
    "neighbours.png",
    "aggregated_posterior.png",
    "probability_integral.png",
}
# Those that need draws from a prior.
UNDEFINED = {
    "samples.png",
    "neighbours.png",
    "aggregated_posterior.png",
    "probability_integral.png",
}


def run(*arguments):
    """The real entry point, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pyrovae", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run folder that the tests may read but not change."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    assert main(["train", *QUICK, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_leaves_a_run_folder_that_opens_by_hand(tmp_path):
    done = run("train", *SMALL, "--epochs", 2, "--samples", 5, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "ELBO" in done.stdout
    assert "cross-entropy, not a log-likelihood" in done.stdout
    assert "epoch 2/2" in done.stderr  # the progress bar
    config = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    assert config["prior"]["class_path"] == "pyrovae.priors.NormalPrior"
    assert config["latent_features"] == 3
    rows = rows_of(tmp_path / "run/history.csv")
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    report = json.loads((tmp_path / "run/report.json").read_text())
    assert report["split"] == "test"
    assert report["elbo"] == pytest.approx(report["reconstruction"] - report["kl"])
    assert report["log_likelihood"]["samples"] == 5
    figures = {path.name for path in (tmp_path / "run/figures").iterdir()}
    assert figures == FIGURES
    for path in (tmp_path / "run/figures").iterdir():
        with Image.open(path) as image:
            assert np.asarray(image.convert("L")).std() > 5  # grey levels: not blank
    model = load(tmp_path / "run/checkpoint.pt")
    assert model.sample(2).shape == (2, 1, 8, 8)


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert pyrovae.__version__ in capsys.readouterr().out
    assert main([]) == 0
    assert "pyrovae train" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    for word in ("VampPrior", "LowRankNormalPosterior", "AnalyticKLELBO", "dynamic", "--beta"):
        assert word in text
    assert "<class" not in text
    assert main(["train", "--prior.help", "VampPrior"]) == 0
    text = capsys.readouterr().out
    assert "--prior.components" in text
    assert "pseudo_inputs PSEUDO" not in text  # what the data know is not asked for


def test_components_with_their_arguments(in_tmp):
    arguments = [
        *("--prior", "VampPrior", "--prior.components", "7"),
        *("--posterior", "LowRankNormalPosterior", "--posterior.rank", "1"),
        *("--likelihood", "NormalLikelihood", "--likelihood.scale", "predicted"),
        *("--objective", "BetaELBO", "--objective.beta", "4"),
        *("--optimizer", "SGD", "--optimizer.lr", "1e-4"),
        *("--scheduler", "StepLR", "--scheduler.step_size", "1"),
        *("--beta", "LinearWarmup", "--beta.epochs", "2"),
    ]
    assert main(["train", *QUICK, *arguments, "--out", "run"]) == 0
    model = load("run/checkpoint.pt")
    assert model.prior.pseudo_inputs.shape == (7, 1, 8, 8)
    assert model.prior.posterior is model.posterior
    assert model.posterior.rank == 1
    assert model.likelihood.scale == "predicted"
    rows = rows_of(Path("run/history.csv"))
    assert float(rows[1]["learning_rate"]) == pytest.approx(0.1 * float(rows[0]["learning_rate"]))
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["objective"]["init_args"]["beta"] == 4


def test_a_class_does_not_inherit_the_arguments_of_the_usual_one(in_tmp):
    assert main(["train", *QUICK, "--objective", "ImportanceWeightedELBO", "--out", "run"]) == 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["objective"]["init_args"]["num_particles"] == 5


def test_convolutions_and_manifold(in_tmp):
    network = ["--encoder", "ConvEncoder", "--encoder.channels", "[4]", "--decoder", "ConvDecoder"]
    options = ["--decoder.channels", "[4]", "--latent_features", "2", "--epochs", "1", "--quiet"]
    assert main(["train", *network, *options, "--samples", "2", "--out", "run"]) == 0
    assert {path.name for path in Path("run/figures").iterdir()} == FIGURES | {"manifold.png"}


def test_config_file_repeats_a_run(in_tmp, trained):
    config = str(trained / "config.yaml")
    assert main(["train", "--config", config, "--out", "again"]) == 0
    first, again = read(trained / "checkpoint.pt"), read("again/checkpoint.pt")
    for name, tensor in first["state_dict"].items():
        assert torch.equal(tensor, again["state_dict"][name])


def test_print_config_is_a_config(in_tmp, capsys):
    assert main(["train", *QUICK, "--print_config"]) == 0
    Path("run.yaml").write_text(capsys.readouterr().out)
    assert main(["train", "--config", "run.yaml", "--out", "run", "--epochs", "1"]) == 0
    assert len(rows_of(Path("run/history.csv"))) == 1


def test_resume_equals_a_run_without_interruption(in_tmp):
    options = [*QUICK, "--binarization", "dynamic", "--patience", "5"]
    assert main(["train", *options, "--epochs", "4", "--out", "whole"]) == 0
    assert main(["train", *options, "--epochs", "2", "--out", "parts"]) == 0
    assert main(["resume", "parts", "--epochs", "4", "--quiet"]) == 0
    whole, parts = read("whole/checkpoint.pt"), read("parts/checkpoint.pt")
    for name, tensor in whole["state_dict"].items():
        assert torch.equal(tensor, parts["state_dict"][name])
    assert len(rows_of(Path("parts/history.csv"))) == 4
    assert yaml.safe_load(Path("parts/config.yaml").read_text())["epochs"] == 4


def test_interrupted_by_a_signal_then_resumed(in_tmp):
    options = [*SMALL, "--epochs", "100000", "--samples", "2", "--quiet", "--out", "run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pyrovae", "train", *options], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not Path("run/history.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "pyrovae resume run" in said
    assert "Traceback" not in said
    done = len(rows_of(Path("run/history.csv")))
    assert 1 <= done < 100_000
    assert main(["resume", "run", "--epochs", str(done + 1), "--quiet"]) == 0
    assert not list(Path("run").glob(".*"))  # no temporary file is left


@pytest.mark.parametrize("binarization", ["threshold", "dynamic"])
def test_a_prior_that_keeps_data_is_given_them_again(in_tmp, binarization):
    options = [*QUICK, "--prior", "ExemplarPrior", "--binarization", binarization]
    assert main(["train", *options, "--out", "run", "--seed", "3"]) == 0
    assert (in_tmp / "run" / "checkpoint.pt").stat().st_size < 1e6
    assert main(["sample", "run", "--n", "3", "--out", "samples.npy"]) == 0
    assert main(["evaluate", "run", "--samples", "2"]) == 0
    assert main(["resume", "run", "--epochs", "3", "--quiet"]) == 0


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


def test_a_users_prior_that_keeps_data_is_given_them_again(in_tmp, monkeypatch):
    Path("keeps_data.py").write_text(KEEPS_DATA)
    monkeypatch.syspath_prepend(in_tmp)
    options = [*QUICK, "--prior", "keeps_data.MeanPixelPrior"]
    assert main(["train", *options, "--out", "run"]) == 0
    assert main(["sample", "run", "--n", "3", "--allow", "keeps_data", "--out", "x.npy"]) == 0
    loaded = Run("run").model(["keeps_data"])
    (x,) = load_data("digits").train.take(5000)
    torch.testing.assert_close(loaded.prior.mean, x.mean())


def test_evaluate_again_with_more_samples(trained, tmp_path, capsys):
    copy = _copy(trained, tmp_path)
    assert main(["evaluate", str(copy), "--samples", "20", "--split", "validation"]) == 0
    assert "S = 20" in capsys.readouterr().out
    report = json.loads((copy / "report.json").read_text())
    assert (report["split"], report["log_likelihood"]["samples"]) == ("validation", 20)


def test_sample_and_reconstruct_to_array_and_figure(trained, tmp_path):
    out = tmp_path / "samples.npy"
    assert main(["sample", str(trained), "--n", "5", "--out", str(out), "--draw"]) == 0
    values = np.load(out)
    assert values.shape == (5, 1, 8, 8)
    assert set(np.unique(values)) <= {0.0, 1.0}  # draws of a Bernoulli
    assert main(["sample", str(trained), "--out", str(tmp_path / "samples.png")]) == 0
    with Image.open(tmp_path / "samples.png") as image:
        assert image.size[0] > 100
    out = tmp_path / "again.npy"
    assert main(["reconstruct", str(trained), "--n", "4", "--out", str(out)]) == 0
    assert np.load(out).shape == (4, 1, 8, 8)


def test_plot_draws_the_figures_again(trained, tmp_path):
    copy = _copy(trained, tmp_path)
    for path in (copy / "figures").iterdir():
        path.unlink()
    assert main(["plot", str(copy)]) == 0
    assert {path.name for path in (copy / "figures").iterdir()} == FIGURES


def test_plot_draws_only_what_is_asked_for(trained, tmp_path, capsys):
    copy = _copy(trained, tmp_path)
    for path in (copy / "figures").iterdir():
        path.unlink()
    chosen = ["--only", "neighbours", "--only", "latent_codes"]
    assert main(["plot", str(copy), *chosen]) == 0
    assert {path.name for path in (copy / "figures").iterdir()} == {
        "neighbours.png",
        "latent_codes.png",
    }
    assert main(["plot", str(copy), "--only", "manifold"]) == 2
    assert "expected figures among training_curves, reconstructions" in capsys.readouterr().err


def test_discrete_latents_are_not_mapped_to_a_square(in_tmp):
    parts = ["--prior", "CategoricalPrior", "--posterior", "CategoricalPosterior"]
    objective = ["--objective", "EnumeratedELBO", "--epochs", "1"]
    assert main(["train", *QUICK, *parts, *objective, "--out", "run"]) == 0
    names = {path.name for path in Path("run/figures").iterdir()}
    assert names == FIGURES - {"probability_integral.png"}


def test_compare_puts_runs_side_by_side(trained, in_tmp, capsys):
    assert main(["train", *QUICK, "--binarization", "threshold", "--out", "other"]) == 0
    capsys.readouterr()
    assert main(["compare", str(trained), "other", "--csv", "table.csv"]) == 0
    said = capsys.readouterr()
    assert "other" in said.out
    assert "do not compare" in said.err  # two binarizations
    rows = rows_of(Path("table.csv"))
    assert [row["run"] for row in rows] == ["run", "other"]
    assert [row["binarization"] for row in rows] == ["none", "threshold"]


USER = """
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


def test_users_own_classes_in_every_command(in_tmp):
    Path("my_parts.py").write_text(USER)
    own = ["--prior", "my_parts.LaplacePrior", "--prior.scale", "0.5"]
    done = run("train", *QUICK, *own, "--objective", "my_parts.MyELBO", "--out", "run")
    assert done.returncode == 0, done.stderr
    refused = run("sample", "run")
    assert refused.returncode == 2
    assert "--allow my_parts" in refused.stderr
    refused = run("resume", "run", "--epochs", "3", "--quiet")
    assert refused.returncode == 2
    assert "--allow my_parts" in refused.stderr
    for command in (
        ["resume", "run", "--epochs", "3", "--quiet"],
        ["evaluate", "run", "--samples", "2"],
        ["sample", "run"],
        ["reconstruct", "run"],
        ["plot", "run"],
    ):
        done = run(*command, "--allow", "my_parts")
        assert done.returncode == 0, (command, done.stderr)
    assert run("compare", "run").returncode == 0


def test_a_configuration_cannot_import_what_is_not_allowed(trained, tmp_path, monkeypatch, capsys):
    copy = _copy(trained, tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text("open('was_here', 'w')")
    config = yaml.safe_load((copy / "config.yaml").read_text())
    for value in (
        {"class_path": "evil.Thing"},
        "evil.Thing",
        {
            "class_path": "pyrovae.objectives.BetaELBO",
            "init_args": {"elbo": {"class_path": "evil.T"}},
        },
    ):
        (copy / "config.yaml").write_text(yaml.safe_dump(config | {"objective": value}))
        assert main(["resume", str(copy), "--epochs", "3"]) == 2
        assert "--allow evil" in capsys.readouterr().err
    assert not Path("was_here").exists()


def _copy(source, tmp_path):
    import shutil

    return Path(shutil.copytree(source, tmp_path / "copy"))


@pytest.fixture(scope="module")
def wrong_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong")
    np.save(folder / "large.npy", np.full((20, 6), 3.0, dtype=np.float32))
    np.save(folder / "nan.npy", np.full((20, 6), np.nan, dtype=np.float32))
    np.save(folder / "empty.npy", np.zeros((0, 6), dtype=np.float32))
    np.save(folder / "one.npy", np.zeros((6,), dtype=np.float32))
    np.save(folder / "text.npy", np.array(["a", "b"]))
    (folder / "file").write_text("")
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["train", "--prior", "Vamp"],
            "CategoricalPrior, DistributionPrior, ExemplarPrior",
        ),
        (["train", "--prior", "no.such.Thing"], "no.such.Thing"),
        (["train", "--prior.nope", "3"], "nope"),
        (["train", "--objective", "Foo"], "ImportanceWeightedELBO"),
        (["train", "--encoder", "Conv"], "ConvEncoder"),
        (["train", "--model", "Nope"], "expected one of Autoencoder, CategoricalVAE"),
        (["train", "--model", "MixedVAE"], "MixedVAE expects a value for discrete_prior"),
        (["train", "--model", "CategoricalVAE", "--model.variables", "3"], "categories"),
        (["train", "--model", "Autoencoder", "--prior", "VampPrior"], "prior: the model has none"),
        (
            ["train", "--model=Autoencoder", "--posterior.rank", "2"],
            "posterior: the model has none",
        ),
        (["train", "--posterior", "VectorQuantizedPosterior"], "has no meaning"),
        (["train", "--prior", "CategoricalCodePrior"], "whose codebook"),
        (["train", "--optimizer", "Foo"], "Adam"),
        (["train", "--beta", "x"], "LinearWarmup"),
        (["train", "--epochs", "x"], "epochs: expected a whole number, got 'x'"),
        (["train", "--epochs", "0"], "epochs: expected at least 1, got 0"),
        (["train", "--batch_size", "0"], "batch_size"),
        (["train", "--binarization", "x"], "dynamic"),
        (["train", "--nope"], "--nope"),
        (["train", "--config", "nope.yaml"], "nope.yaml"),
        (["train", "--data", "nope"], "digits"),
        (["train", "--data", "nope.npy"], "nope.npy"),
        (["train", "--data", "mnist"], "--download"),
        (["train", "--data", "large.npy"], "range from 3 to 3"),
        (["train", "--data", "nan.npy"], "nan.npy"),
        (["train", "--data", "empty.npy"], "empty.npy"),
        (["train", "--data", "one.npy"], "one.npy"),
        (["train", "--data", "text.npy"], "text.npy"),
        (["train", "--out", "file"], "is a file"),
        (["train", "--out", "file/run"], "can be written"),
        (["train", "--out", "."], "not empty"),
        (["train", "--device", "nope"], "device"),
        (["train", "--prior", "VampPrior", "--prior.components", "0"], "components"),
        (["train", "--encoder", "ConvDecoder"], "convolution"),
        (["train", "--latent_features", "0"], "latent_features"),
        (["train", "--likelihood", "NormalLikelihood", "--likelihood.scale", "-1"], "scale"),
        (["train", "--objective.num_particles", "0"], "num_particles"),
        (["train", "--validation", "0", "--patience", "3"], "validation"),
        (["train", "--clip_norm", "-1"], "clip_norm"),
        (["train", "--validation", "2000"], "2000"),
        (["resume", "nowhere"], "nowhere"),
        (["evaluate", "nowhere"], "expected a run folder"),
        (["sample", "nowhere"], "expected a run folder"),
        (["compare", "nowhere"], "nowhere"),
        (["fly"], "expected one of train"),
    ],
)
def test_wrong_input_is_answered_in_one_line(wrong_files, arguments, said, monkeypatch, capsys):
    monkeypatch.chdir(wrong_files)
    before = sorted(wrong_files.rglob("*"))
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pyrovae: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err
    assert sorted(wrong_files.rglob("*")) == before  # nothing is half-written


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sample", "--n", "0"], "at least"),
        (["sample", "--out", "x.gif"], ".png or .npy"),
        (["evaluate", "--samples", "0"], "samples"),
        (["evaluate", "--split", "nope"], "train, validation or test"),
        (["resume"], "--epochs"),
    ],
)
def test_wrong_input_to_a_run(trained, arguments, said, capsys):
    command, *rest = arguments
    assert main([command, str(trained), *rest]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_divergence_is_said_and_the_run_kept(in_tmp, capsys):
    assert (
        main(["train", *QUICK, "--optimizer", "SGD", "--optimizer.lr", "1e9", "--out", "r"]) == 1
    )
    assert "diverged in epoch 1" in capsys.readouterr().err


def test_wrong_input_through_the_entry_point():
    done = run("train", "--prior", "Vamp")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "value",
    [
        {
            "objective": {
                "class_path": "pyrovae.objectives.BetaELBO",
                "init_args": {"elbo": "evil.E"},
            }
        },
        {
            "objective": {
                "class_path": "pyrovae.objectives.BetaELBO",
                "dict_kwargs": {"elbo": {"class_path": "evil.E"}},
            }
        },
        {"objective.class_path": "evil.E"},
        {"encoder": {"class_path": "pyrovae.nn.MLP", "init_args": {"hidden": ["evil.E"]}}},
        {"objective": "options"},
    ],
)
def test_a_configuration_cannot_hide_a_class(trained, tmp_path, monkeypatch, value):
    copy = _copy(trained, tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("evil.py").write_text("open('was_here', 'w').close()")
    Path("options").write_text("class_path: evil.E")
    config = yaml.safe_load((copy / "config.yaml").read_text())
    (copy / "config.yaml").write_text(yaml.safe_dump(config | value))
    assert main(["resume", str(copy), "--epochs", "3"]) == 2
    assert not Path("was_here").exists()


def test_overwriting_removes_what_the_old_run_said(in_tmp, monkeypatch):
    assert main(["train", *QUICK, "--latent_features", "2", "--out", "run"]) == 0
    assert Path("run/figures/manifold.png").exists()
    assert main(["train", *QUICK, "--out", "run"]) == 2  # not without being asked
    assert main(["train", *QUICK, "--out", "run", "--overwrite"]) == 0
    assert not Path("run/figures/manifold.png").exists()
    # Repeating a run from its configuration does not write over it.
    before = Path("run/checkpoint.pt").read_bytes()
    assert main(["train", "--config", "run/config.yaml", "--epochs", "1"]) == 0
    assert Path("run/checkpoint.pt").read_bytes() == before
    assert len(list(Path("runs").iterdir())) == 1


def test_the_best_weights_are_the_runs_model_everywhere(in_tmp):
    options = [*QUICK, "--epochs", "12", "--patience", "1", "--optimizer.lr", "0.1"]
    assert main(["train", *options, "--out", "run"]) == 0
    report = json.loads(Path("run/report.json").read_text())
    assert report["training"]["best_epoch"] is not None
    again = pyrovae.evaluate(
        load("run/checkpoint.pt"), pyrovae.load_data("digits").test, samples=5
    )
    assert again.elbo == pytest.approx(report["elbo"])
    assert main(["evaluate", "run", "--samples", "5"]) == 0
    assert json.loads(Path("run/report.json").read_text())["training"] == report["training"]


def test_few_data_still_make_a_run(in_tmp):
    np.save("few.npy", np.random.default_rng(0).random((20, 6), dtype=np.float32))
    assert main(["train", *QUICK, "--data", "few.npy", "--out", "run"]) == 0
    Path("few.npy").rename("moved.npy")
    assert main(["evaluate", "run", "--samples", "2"]) == 2
    assert main(["evaluate", "run", "--samples", "2", "--data", "moved.npy"]) == 0


def test_a_folder_does_not_hide_a_data_set_of_its_name(in_tmp):
    Path("digits").mkdir()
    assert main(["train", *QUICK, "--data", "digits", "--out", "run"]) == 0


def test_a_configuration_that_is_none(in_tmp, capsys):
    Path("run.yaml").write_text("a: [")
    assert main(["train", "--config", "run.yaml"]) == 2
    assert "run.yaml" in capsys.readouterr().err


PASSING = """
from pyrovae.priors import MixturePrior

class Sharp(MixturePrior):
    def __init__(self, *, sharp: float = 1.0, **kwargs):
        super().__init__(**kwargs)
"""


def test_a_class_that_passes_its_arguments_on(in_tmp):
    Path("passing.py").write_text(PASSING)
    own = ["--prior", "passing.Sharp", "--prior.components", "3"]
    done = run("train", *QUICK, *own, "--out", "run")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("objective", ["RenyiELBO", "ReweightedWakeSleep", "TotalCorrelationELBO"])
def test_objectives_by_their_short_names(in_tmp, objective):
    # Pyro has two of these names, too; the third is told the number of training data.
    assert main(["train", *QUICK, f"--objective={objective}", "--out", "run"]) == 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["objective"]["class_path"] == f"pyrovae.objectives.{objective}"


def test_an_objective_within_another_is_told_the_number_of_data(in_tmp):
    inner = ["--objective.elbo", "TotalCorrelationELBO"]
    assert main(["train", *QUICK, "--objective", "BetaELBO", *inner, "--out", "run"]) == 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["objective"]["init_args"]["elbo"]["init_args"]["data_size"] == 1437


def test_an_annealed_capacity(in_tmp):
    capacity = ["--objective.capacity", "LinearWarmup", "--objective.capacity.end", "5"]
    arguments = ["--objective", "CapacityELBO", *capacity]
    assert main(["train", *QUICK, *arguments, "--out", "run"]) == 0


def test_a_refusal_within_the_program_is_one_line(in_tmp, capsys):
    discrete = ["--posterior", "CategoricalPosterior", "--prior", "CategoricalPrior"]
    arguments = [*discrete, "--objective", "DoublyReparameterizedELBO", "--out", "run"]
    assert main(["train", *QUICK, *arguments]) == 2
    said = capsys.readouterr().err
    assert "not reparameterised" in said
    assert "Trace Shapes" not in said


def test_an_objective_within_an_objective_by_its_short_name(in_tmp, capsys):
    arguments = ["--objective", "BetaELBO", "--objective.elbo", "RenyiELBO", "--out", "run"]
    assert main(["train", *QUICK, *arguments]) == 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    inner = config["objective"]["init_args"]["elbo"]["class_path"]
    assert inner == "pyrovae.objectives.RenyiELBO"
    Path("run.yaml").write_text("objective: RenyiELBO\n")
    assert main(["train", *QUICK, "--config", "run.yaml", "--out", "other"]) == 2
    assert "import path" in capsys.readouterr().err


def test_an_autoencoder_and_what_it_leaves_undefined(in_tmp, capsys):
    options = ["--model", "Autoencoder", *SMALL, "--latent_features", "2", "--patience", "2"]
    finish = ["--epochs", "2", "--samples", "2"]
    assert main(["train", *options, *finish, "--out", "run"]) == 0
    assert "undefined: the prior of 'z' is flat" in capsys.readouterr().out
    assert {path.name for path in Path("run/figures").iterdir()} == FIGURES - UNDEFINED
    assert "validation_elbo" not in rows_of(Path("run/history.csv"))[0]
    report = json.loads(Path("run/report.json").read_text())
    assert report["elbo"] is report["log_likelihood"] is report["model"]["prior"] is None
    assert report["model"]["class"] == "Autoencoder"
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["prior"] is config["posterior"] is None
    # The file is one that training reads again.
    assert main(["train", "--config", "run/config.yaml", "--quiet", "--out", "again"]) == 0
    assert main(["resume", "run", "--epochs", "3", "--quiet"]) == 0
    assert main(["evaluate", "run", "--samples", "2"]) == 0
    assert main(["reconstruct", "run"]) == 0
    capsys.readouterr()
    assert main(["sample", "run"]) == 2
    assert "no prior to draw codes from" in capsys.readouterr().err
    assert main(["train", *QUICK, "--out", "vae"]) == 0
    assert main(["compare", "run", "vae", "--csv", "table.csv"]) == 0
    assert [row["model"] for row in rows_of(Path("table.csv"))] == ["Autoencoder", "VAE"]
    assert [row["elbo"] == "undefined" for row in rows_of(Path("table.csv"))] == [True, False]


def test_a_model_of_several_latents(in_tmp):
    model = ["--model", "CategoricalVAE", "--model.variables", "3", "--model.categories", "2"]
    options = [*QUICK, "--latent_features", "6", "--objective", "EnumeratedELBO"]
    assert main(["train", *options, *model, "--out", "run"]) == 0
    drawn = {path.name for path in Path("run/figures").iterdir()}
    assert drawn == FIGURES - {"probability_integral.png"}
    assert list(load("run/checkpoint.pt").encode(torch.rand(2, 1, 8, 8))) == ["z1", "z2", "z3"]


def test_a_vq_vae(in_tmp):
    posterior = ["--posterior", "VectorQuantizedPosterior", "--posterior.code_features", "2"]
    options = ["--latent_features", "6", "--prior", "CategoricalCodePrior", *posterior]
    objective = ["--objective", "VectorQuantizedELBO"]
    assert main(["train", *QUICK, *options, *objective, "--out", "run"]) == 0
    report = json.loads(Path("run/report.json").read_text())
    assert report["codebooks"]["z"]["codes"] == 64
    assert report["codebooks"]["z"]["perplexity"] <= 64


def test_a_config_from_before_there_was_a_choice_of_models(trained, in_tmp):
    config = yaml.safe_load((trained / "config.yaml").read_text())
    del config["model"]
    shutil.copytree(trained, "old")
    Path("old/config.yaml").write_text(yaml.safe_dump(config))
    assert main(["evaluate", "old", "--samples", "2"]) == 0
    assert main(["resume", "old", "--epochs", "3", "--quiet"]) == 0
    assert json.loads(Path("old/report.json").read_text())["model"]["class"] == "VAE"
