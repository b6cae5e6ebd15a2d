"""``pyrovae train``: what it leaves, and the parts and objectives that can be named."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from command_line import FIGURES, names_in, quick, rows_of, run, small
from PIL import Image

import pyrovae
from pyrovae.checkpoint import load, read
from pyrovae.cli import main

# Those that need draws from a prior.
UNDEFINED = {
    "samples.png",
    "neighbours.png",
    "aggregated_posterior.png",
    "probability_integral.png",
}


def config_of(folder):
    return yaml.safe_load((Path(folder) / "config.yaml").read_text())


def test_train_leaves_a_run_folder_that_opens_by_hand(tmp_path):
    options = [*small(), "--epochs", 2, "--samples", 5, "--binarization", "none"]
    done = run("train", *options, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "ELBO" in done.stdout
    assert "cross-entropy, not a log-likelihood" in done.stdout
    assert "epoch 2/2" in done.stderr  # how far training is
    config = config_of(tmp_path / "run")
    assert config["prior"]["class_path"] == "pyrovae.priors.NormalPrior"
    assert config["latent_features"] == 3
    rows = rows_of(tmp_path / "run/history.csv")
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    report = json.loads((tmp_path / "run/report.json").read_text())
    assert report["split"] == "test"
    assert report["elbo"] == pytest.approx(report["reconstruction"] - report["kl"])
    assert report["log_likelihood"]["samples"] == 5
    assert names_in(tmp_path / "run/figures") == FIGURES
    for path in (tmp_path / "run/figures").iterdir():
        with Image.open(path) as image:
            assert np.asarray(image.convert("L")).std() > 5  # grey levels: not blank
    model = load(tmp_path / "run/checkpoint.pt")
    assert model.sample(2).shape == (2, 1, 8, 8)


def test_the_checkpoint_says_how_the_run_was_made(trained):
    options = read(trained / "checkpoint.pt")["notes"]["options"]
    assert options == config_of(trained)


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
    assert main(["train", *quick(), *arguments, "--out", "run"]) == 0
    model = load("run/checkpoint.pt")
    assert model.prior.pseudo_inputs.shape == (7, 1, 8, 8)
    assert model.prior.posterior is model.posterior
    assert model.posterior.rank == 1
    assert model.likelihood.scale == "predicted"
    rows = rows_of(Path("run/history.csv"))
    assert float(rows[1]["learning_rate"]) == pytest.approx(0.1 * float(rows[0]["learning_rate"]))
    assert config_of("run")["objective"]["init_args"]["beta"] == 4


def test_a_class_does_not_inherit_the_arguments_of_the_usual_one(in_tmp):
    assert main(["train", *quick(), "--objective", "ImportanceWeightedELBO", "--out", "run"]) == 0
    assert config_of("run")["objective"]["init_args"]["num_particles"] == 5


@pytest.mark.usefixtures("rendered")
def test_convolutions_and_manifold(in_tmp):
    network = ["--encoder", "ConvEncoder", "--encoder.channels", "[4]", "--decoder", "ConvDecoder"]
    options = ["--decoder.channels", "[4]", "--latent_features", "2", "--epochs", "1", "--quiet"]
    assert main(["train", *network, *options, "--samples", "2", "--out", "run"]) == 0
    assert names_in(Path("run/figures")) == FIGURES | {"manifold.png"}


def test_a_vector_of_parameters_and_a_list_of_epochs(in_tmp):
    prior = ["--prior", "DistributionPrior", "--prior.family", "StudentT"]
    prior += ["--prior.parameters", "{df: 3.0}"]
    scheduler = ["--scheduler", "MultiStepLR", "--scheduler.milestones", "[1, 2]"]
    assert main(["train", *quick(), *prior, *scheduler, "--out", "run"]) == 0
    assert load("run/checkpoint.pt").prior.init_args["parameters"] == {"df": 3.0}
    rows = rows_of(Path("run/history.csv"))
    assert [float(row["learning_rate"]) for row in rows] == pytest.approx([1e-3, 1e-4])


@pytest.mark.parametrize("objective", ["RenyiELBO", "ReweightedWakeSleep", "TotalCorrelationELBO"])
def test_objectives_by_their_short_names(in_tmp, objective):
    # Pyro has two of these names, too; the third is told the number of training data.
    assert main(["train", *quick(), f"--objective={objective}", "--out", "run"]) == 0
    assert config_of("run")["objective"]["class_path"] == f"pyrovae.objectives.{objective}"


def test_an_objective_of_pyros(in_tmp):
    objective = ["--objective", "pyro.infer.RenyiELBO", "--objective.num_particles", "2"]
    assert main(["train", *quick(), *objective, "--out", "run"]) == 0
    assert config_of("run")["objective"]["class_path"] == "pyro.infer.RenyiELBO"


def test_an_objective_within_another(in_tmp):
    inner = ["--objective.elbo", "TotalCorrelationELBO", "--objective.elbo.beta", "3"]
    assert main(["train", *quick(), "--objective", "BetaELBO", *inner, "--out", "run"]) == 0
    elbo = config_of("run")["objective"]["init_args"]["elbo"]
    assert elbo["class_path"] == "pyrovae.objectives.TotalCorrelationELBO"
    assert elbo["init_args"]["beta"] == 3
    assert elbo["init_args"]["data_size"] == 1437  # which only the data know


def test_an_annealed_capacity(in_tmp):
    capacity = ["--objective.capacity", "LinearWarmup", "--objective.capacity.end", "5"]
    arguments = ["--objective", "CapacityELBO", *capacity]
    assert main(["train", *quick(), *arguments, "--out", "run"]) == 0
    assert config_of("run")["objective"]["init_args"]["capacity"]["init_args"]["end"] == 5


def test_discrete_latents_are_not_mapped_to_a_square(in_tmp):
    parts = ["--prior", "CategoricalPrior", "--posterior", "CategoricalPosterior"]
    objective = ["--objective", "EnumeratedELBO"]
    assert main(["train", *quick(epochs=1), *parts, *objective, "--out", "run"]) == 0
    assert names_in(Path("run/figures")) == FIGURES - {"probability_integral.png"}


def test_an_autoencoder_and_what_it_leaves_undefined(in_tmp, capsys):
    options = ["--model", "Autoencoder", *small(latents=2), "--patience", "2"]
    finish = ["--epochs", "2", "--samples", "2"]
    assert main(["train", *options, *finish, "--out", "run"]) == 0
    assert "undefined: the prior of 'z' is flat" in capsys.readouterr().out
    assert names_in(Path("run/figures")) == FIGURES - UNDEFINED
    assert "validation_elbo" not in rows_of(Path("run/history.csv"))[0]
    report = json.loads(Path("run/report.json").read_text())
    assert report["elbo"] is report["log_likelihood"] is report["model"]["prior"] is None
    assert report["model"]["class"] == "Autoencoder"
    config = config_of("run")
    assert config["prior"] is config["posterior"] is None
    # The file is one that training reads again.
    assert main(["train", "--config", "run/config.yaml", "--quiet", "--out", "again"]) == 0
    assert main(["resume", "run", "--epochs", "3", "--quiet"]) == 0
    assert main(["evaluate", "run", "--samples", "2"]) == 0
    assert main(["reconstruct", "run"]) == 0
    capsys.readouterr()
    assert main(["sample", "run"]) == 2
    assert "no prior to draw codes from" in capsys.readouterr().err
    assert main(["train", *quick(), "--out", "vae"]) == 0
    assert main(["compare", "run", "vae", "--csv", "table.csv"]) == 0
    assert [row["model"] for row in rows_of(Path("table.csv"))] == ["Autoencoder", "VAE"]
    assert [row["elbo"] == "undefined" for row in rows_of(Path("table.csv"))] == [True, False]


def test_a_model_of_several_latents(in_tmp):
    model = ["--model", "CategoricalVAE", "--model.variables", "3", "--model.categories", "2"]
    options = [*quick(latents=6), "--objective", "EnumeratedELBO"]
    assert main(["train", *options, *model, "--out", "run"]) == 0
    assert names_in(Path("run/figures")) == FIGURES - {"probability_integral.png"}
    assert list(load("run/checkpoint.pt").encode(torch.rand(2, 1, 8, 8))) == ["z1", "z2", "z3"]


def test_a_vq_vae(in_tmp):
    posterior = ["--posterior", "VectorQuantizedPosterior", "--posterior.code_features", "2"]
    options = ["--prior", "CategoricalCodePrior", *posterior]
    objective = ["--objective", "VectorQuantizedELBO"]
    assert main(["train", *quick(latents=6), *options, *objective, "--out", "run"]) == 0
    report = json.loads(Path("run/report.json").read_text())
    assert report["codebooks"]["z"]["codes"] == 64
    assert report["codebooks"]["z"]["perplexity"] <= 64
    assert report["is_bound"]


def test_codes_of_any_codebook(in_tmp):
    options = ["--prior", "TransformerCodePrior", "--prior.features", "8"]
    options += ["--posterior", "QuantizedPosterior"]
    book = ["--posterior.codebook", "MovingAverageCodebook", "--posterior.codebook.codes", "7"]
    assert main(["train", *quick(latents=8), *options, *book, "--out", "run"]) == 0
    report = json.loads(Path("run/report.json").read_text())
    assert report["codebooks"]["z"]["codes"] == 7
    assert load("run/checkpoint.pt").posterior.codebook.vectors.shape == (7, 4)


def test_the_best_weights_are_the_runs_model_everywhere(in_tmp):
    options = [*quick(epochs=12), "--patience", "1", "--optimizer.lr", "0.1"]
    options += ["--binarization", "none"]
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
    assert main(["train", *quick(), "--data", "few.npy", "--out", "run"]) == 0
    Path("few.npy").rename("moved.npy")
    assert main(["evaluate", "run", "--samples", "2"]) == 2
    assert main(["evaluate", "run", "--samples", "2", "--data", "moved.npy"]) == 0


def test_a_folder_does_not_hide_a_data_set_of_its_name(in_tmp):
    Path("digits").mkdir()
    assert main(["train", *quick(), "--data", "digits", "--out", "run"]) == 0


def test_how_training_goes(in_tmp, capsys):
    options = ["--average", "0.9", "--accumulate", "2", "--drop_last", "--checkpoint_steps", "3"]
    scheduler = ["--scheduler", "StepLR", "--scheduler.step_size", "10"]
    moves = ["--scheduler_moves", "step", "--checkpoint_minutes", "none"]
    assert main(["train", *quick(), *options, *scheduler, *moves, "--out", "run"]) == 0
    rates = [float(row["learning_rate"]) for row in rows_of(Path("run/history.csv"))]
    # 11 whole batches of 1437 data an epoch: ten steps, and ten more.
    assert rates == pytest.approx([1e-4, 1e-5])
    reports = []
    for averaged in ([], ["--averaged"]):
        assert main(["evaluate", "run", "--samples", "2", *averaged]) == 0
        reports.append(json.loads(Path("run/report.json").read_text()))
    assert [report["averaged"] for report in reports] == [False, True]
    assert reports[0]["elbo"] != reports[1]["elbo"]


def test_an_average_that_was_not_kept(trained, capsys):
    assert main(["sample", str(trained), "--averaged"]) == 2
    assert "no average of the weights" in capsys.readouterr().err


def test_divergence_is_said(in_tmp, capsys):
    optimizer = ["--optimizer", "SGD", "--optimizer.lr", "1e9"]
    assert main(["train", *quick(), *optimizer, "--out", "run"]) == 1
    said = capsys.readouterr().err
    assert "diverged in epoch 1" in said
    assert said.endswith("may help: pyrovae resume run --optimizer.lr 1e+08\n")


def test_training_begins_at_the_mean_of_the_data(in_tmp):
    still = ["--optimizer", "Adam", "--optimizer.lr", "0"]
    losses = {}
    for begin in ("false", "true"):
        options = [*quick(), *still, "--begin_at_mean", begin, "--out", begin]
        assert main(["train", *options]) == 0
        losses[begin] = float(rows_of(Path(begin, "history.csv"))[0]["loss"])
    # Untrained, each pixel of the digits costs log 2, and with its own mean much less.
    assert losses["true"] < losses["false"] - 5


def test_bytes_under_a_likelihood_of_counts(tmp_path):
    """In training, evaluation and codes, and with pseudo-inputs."""
    np.save(tmp_path / "x.npy", np.random.default_rng(0).poisson(3, (60, 5)).astype(np.uint8))
    data = ["--data", str(tmp_path / "x.npy"), "--epochs", "1", "--samples", "2", "--quiet"]
    prior = ["--prior", "VampPrior", "--prior.components", "4", "--latent_features", "2"]
    counts = ["--likelihood", "NegativeBinomialLikelihood", "--likelihood.dispersion"]
    run = str(tmp_path / "run")
    assert main(["train", *data, *prior, *counts, "per_feature", "--out", run]) == 0
    assert main(["encode", run, "--out", str(tmp_path / "z.npy")]) == 0
    report = json.loads((tmp_path / "run/report.json").read_text())
    assert report["bits_per_dim"] is not None
