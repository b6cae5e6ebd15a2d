"""``pyrovae latents``, ``disentangle`` and ``quality``: the library's numbers of a run's model."""

import csv
import json

import numpy as np
import pytest
import torch
from command_line import quick

from pyrovae.cli import main
from pyrovae.cli.measures import factors_of
from pyrovae.cli.runs import Run
from pyrovae.cli.saying import write_table
from pyrovae.datasets import FactorSplit
from pyrovae.disentanglement import mig
from pyrovae.evaluation import encode, kl_decomposition, latent_variables


def test_latents_are_told_variable_by_variable(copied, capsys):
    assert main(["latents", str(copied), "--drawn", "50"]) == 0
    run = Run(copied)
    model, split = run.model(), run.data.test
    with (copied / "latents.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    (found,) = latent_variables(model, split).values()
    assert [float(row["kl"]) for row in rows] == pytest.approx(found.kl)
    assert [float(row["data_se"]) for row in rows] == pytest.approx(found.data_se)
    assert [d for d, row in enumerate(rows) if row["active"] == "1"] == found.active
    assert {row["site"] for row in rows} == {"z"}
    said = capsys.readouterr().out
    parts = kl_decomposition(model, split, drawn=50)
    assert f"{parts.mutual_information.value:.3f}" in said
    assert f"{len(split)} data, 2 draws of 50 of them" in said
    assert f"{len(found.active)} of 3 active" in said


def test_one_datum_without_a_kl_of_each_variable_makes_no_table(in_tmp, capsys):
    assert main(["train", *quick(epochs=1), "--prior", "MixturePrior", "--out", "run"]) == 0
    np.save("one.npy", np.zeros((1, 1, 8, 8), dtype=np.float32))
    capsys.readouterr()
    assert main(["latents", "run", "--data", "one.npy"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("pyrovae: latents: expected at least two data")
    assert said.count("\n") == 1
    assert not (in_tmp / "run/latents.csv").exists()
    write_table("none.csv", [])
    assert (in_tmp / "none.csv").read_text() == ""


def test_codes_are_scored_by_factors_of_a_file(copied, tmp_path, capsys):
    run = Run(copied)
    labels = run.data.test.labels
    levels = torch.stack([labels % 2, labels // 2], dim=1)
    np.save(tmp_path / "factors.npy", levels.numpy())
    out = tmp_path / "scores.json"
    command = ["disentangle", str(copied), "--factors", str(tmp_path / "factors.npy")]
    assert main([*command, "--categorical", "[0]", "--bins", "7", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    expected = mig(encode(run.model(), run.data.test), levels, bins=7, resamples=10)
    assert found["mig"]["value"] == pytest.approx(expected.value)
    assert found["mig"]["protocol"] == expected.protocol
    assert "SVM for factors [0]" in found["sap"]["protocol"]
    assert found["data"]["name"] == "digits"
    assert f"MIG                  {expected.value:.3f}" in capsys.readouterr().out


def test_sprites_have_factors_of_their_own():
    x, factors = torch.rand(4, 2), torch.tensor([[0, 1], [1, 0], [1, 1], [0, 0]])
    split = FactorSplit(x, factors, factor_names=("size", "shape"))
    levels, categorical = factors_of(split, None)
    assert torch.equal(levels, factors)
    assert categorical == (1,)


def test_samples_are_compared_in_the_features_of_another_run(copied, trained, capsys):
    command = ["quality", str(copied), "--features", str(trained), "--n", "100"]
    assert main([*command, "--seed", "3"]) == 0
    found = json.loads((copied / "quality.json").read_text())
    name = f"encoder of run {Run(trained).weights()[:12]}"
    measured = ("precision_recall", "density_coverage", "frechet_distance")
    for measure in measured:
        assert found[measure]["network"] == name
        assert found[measure]["generated"] == 100
        assert found[measure]["real"] == len(Run(copied).data.test)
    assert found["samples"] == "means"
    assert 0 <= found["precision_recall"]["precision"]["value"] <= 1
    assert found["frechet_distance"]["distance"]["data_se"] > 0
    said = capsys.readouterr().out
    assert said.count(name) == 5
    # Other draws, other samples; the same ones with the same seed.
    assert main([*command, "--seed", "3", "--out", str(copied / "again.json")]) == 0
    assert json.loads((copied / "again.json").read_text()) == found
    assert main([*command, "--seed", "4", "--draw"]) == 0
    drawn = json.loads((copied / "quality.json").read_text())
    assert drawn["samples"] == "draws"
    assert drawn["frechet_distance"] != found["frechet_distance"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["latents", "RUN", "--out", "x.json"], "--out"),
        (
            ["disentangle", "RUN"],
            "these data have no known factors: give them with --factors levels.npy",
        ),
        (["disentangle", "RUN", "--factors", "float.npy"], "a .npy array of integers"),
        (["disentangle", "RUN", "--factors", "short.npy"], "factors: expected integers of shape"),
        (["disentangle", "RUN", "--factors", "none.npy"], "none.npy"),
        (["disentangle", "RUN", "--factors", "text.npy"], "a .npy array of integers"),
        (["disentangle", "RUN", "--out", "x.csv"], "--out"),
        (["quality", "RUN"], "--features: expected inception, or a run folder"),
        (["quality", "RUN", "--features", "nowhere"], "expected a run folder"),
        (["quality", "RUN", "--features", "RUN", "--weights", "w.pth"], "--weights"),
        (["quality", "RUN", "--features", "RUN", "--n", "20"], "generated: expected at least 50"),
        (["quality", "RUN", "--features", "RUN", "--out", "x.csv"], "--out"),
    ],
)
def test_wrong_input_is_answered_in_a_line(words, message, trained, in_tmp, capsys):
    np.save("float.npy", np.zeros((180, 2)))
    np.save("short.npy", np.zeros((3, 2), dtype=np.int64))
    (in_tmp / "text.npy").write_text("no array")
    words = [str(trained) if word == "RUN" else word for word in words]
    if "--out" not in words:
        words += ["--out", "out.csv" if words[0] == "latents" else "out.json"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
