"""From a table to a run, and from the run to tables: the real commands, all kinds of columns."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from command_line import names_in, quick, rows_of
from tables import KINDS, people

from pyrovae import load
from pyrovae.checkpoint import read
from pyrovae.cli import main
from pyrovae.cli.runs import Run
from pyrovae.columns import columns_of
from pyrovae.datasets import as_frame
from pyrovae.specifications import read_yaml


@pytest.fixture(scope="module")
def on_table(tmp_path_factory):
    """A run on a table with gaps, text that is no column, and a text that a spreadsheet runs."""
    folder = tmp_path_factory.mktemp("tables")
    frame = people(200, gaps=0.2).assign(name=[f"n{i}" for i in range(200)])
    frame["colour"] = frame["colour"].replace({"red": "=1+1"})
    frame.to_csv(folder / "people.csv", index=False)
    options = ["--columns", "name=ignore,grade=ordinal", "--out", str(folder / "run")]
    assert main(["train", "--data", str(folder / "people.csv"), *quick(), *options]) == 0
    return folder


@pytest.fixture
def new(tmp_path):
    """Other rows, one complete, one empty."""
    frame = people(12, gaps=0.3, seed=7).replace({"colour": {"red": "=1+1"}}).assign(more="x")
    frame = frame.astype({"visits": "float64", "grade": "float64"})
    frame.loc[0, "height"] = 171.123456789
    frame.loc[11, [*KINDS]] = None
    frame.to_csv(tmp_path / "new.csv", index=False)
    return tmp_path / "new.csv"


def test_a_run_says_what_it_took_the_columns_for(on_table, capsys):
    run = on_table / "run"
    assert names_in(run) == {
        "checkpoint.pt",
        "config.yaml",
        "history.csv",
        "report.html",
        "report.json",
        "figures",
    }
    assert names_in(run / "figures") == {"training_curves.png", "columns.png"}
    assert read_yaml(run / "config.yaml")["columns"] == KINDS | {"name": "ignore"}
    report = Run(run).report()
    assert report["model"]["class"] == "MissingDataVAE"
    assert report["dataset"]["columns"] == KINDS
    assert set(report["columns"]) == set(KINDS)
    table = ["--data", str(on_table / "people.csv"), "--columns", "name=ignore"]
    again = ["train", *table, *quick(epochs=1), "--out", str(on_table / "said")]
    again.remove("--quiet")
    assert main(again) == 0
    said = capsys.readouterr().out
    assert "columns: height: real, income: positive, visits: count, member: binary, " in said
    assert "by column  " in said


def test_synthetic_rows_have_names_units_and_levels(on_table, tmp_path):
    out = tmp_path / "synthetic.csv"
    command = ["sample", str(on_table / "run"), "--n", "300", "--out", str(out)]
    assert main(command) == 0
    frame, real = pd.read_csv(out), people(200)
    assert [*frame.columns] == [*KINDS]
    assert len(frame) == 300
    assert set(frame["colour"]) <= {"'=1+1", "green", "blue"}  # no formula for a spreadsheet
    assert set(frame["grade"]) <= {1, 2, 3, 4, 5}
    assert frame.dtypes["visits"] == frame.dtypes["grade"] == "int64"
    assert (frame["income"] > 0).all()
    # Within ten standard errors of a barely trained model's mean, which is the data's.
    error = 10 * real["height"].std() / 300**0.5
    assert abs(frame["height"].mean() - real["height"].mean()) < error
    assert main([*command[:-1], str(tmp_path / "again.parquet")]) == 0
    again = pd.read_parquet(tmp_path / "again.parquet")
    np.testing.assert_allclose(again["income"], frame["income"], rtol=1e-6)
    assert "=1+1" in set(again["colour"])


def test_gaps_are_filled(on_table, new, tmp_path):
    out, frame = tmp_path / "filled.csv", pd.read_csv(new)
    command = ["impute", str(on_table / "run"), "--data", str(new), "--samples", "20"]
    assert main([*command, "--out", str(out)]) == 0
    filled = pd.read_csv(out)
    assert [*filled.columns] == [*frame.columns]
    assert filled.notna().all().all()
    for name in frame.columns.difference(["colour"]):
        seen = frame[name].notna()
        assert filled[name][seen].tolist() == frame[name][seen].tolist()
    assert filled["height"][0] == 171.123456789  # more digits than the model sees
    assert "=1+1" not in set(filled["colour"])
    assert filled["visits"].dtype == "int64"


def test_several_imputations_stand_below_one_another(on_table, new, tmp_path):
    out, frame = tmp_path / "filled.parquet", pd.read_csv(new)
    command = ["impute", str(on_table / "run"), "--data", str(new), "--draws", "3"]
    assert main([*command, "--samples", "20", "--out", str(out)]) == 0
    filled = pd.read_parquet(out)
    assert filled["imputation"].tolist() == [1] * 12 + [2] * 12 + [3] * 12
    parts = [part.reset_index(drop=True) for _, part in filled.groupby("imputation")]
    height = np.stack([part["height"] for part in parts])
    gaps = frame["height"].isna().to_numpy()
    assert (height[:, ~gaps] == frame["height"][~gaps].to_numpy()).all()
    assert (height[0, gaps] != height[1, gaps]).all()  # drawn anew


def test_the_runs_own_gaps_are_filled(on_table):
    assert main(["impute", str(on_table / "run"), "--samples", "5"]) == 0
    frame = pd.read_csv(on_table / "people.csv")
    filled = pd.read_csv(on_table / "run/imputed.csv")
    assert len(filled) == len(frame)
    assert filled["name"].tolist() == frame["name"].tolist()


def test_scores_and_codes_of_another_table(on_table, new, tmp_path):
    out = tmp_path / "scores.csv"
    command = ["--data", str(new), "--out"]
    assert main(["score", str(on_table / "run"), *command, str(out), "--samples", "30"]) == 0
    rows, frame = rows_of(out), pd.read_csv(new)
    assert len(rows) == 12
    for row, (_, seen) in zip(rows, frame.notna().iterrows(), strict=True):
        for name in KINDS:
            assert (row[f"log_p({name})"] != "nan") == seen[name]
    assert float(rows[-1]["reconstruction"]) == 0  # nothing was observed
    codes = tmp_path / "codes.npy"
    assert main(["encode", str(on_table / "run"), *command, str(codes)]) == 0
    assert np.load(codes).shape == (12, 3)


def test_a_loaded_model_knows_its_columns(on_table):
    model = load(on_table / "run/checkpoint.pt")
    columns = columns_of(model)
    assert columns == model.likelihood.columns == Run(on_table / "run").data.columns
    frame = as_frame(model.sample(5, draw=True), columns)
    assert [*frame.columns] == [*KINDS]


def test_training_goes_on_to_the_same_bits(on_table, tmp_path):
    table = ["--data", str(on_table / "people.csv"), "--columns", "name=ignore"]
    for name, epochs in (("whole", 3), ("parts", 2)):
        run = str(tmp_path / name)
        assert main(["train", *table, *quick(epochs=epochs), "--out", run]) == 0
    assert main(["resume", str(tmp_path / "parts"), "--epochs", "3", "--quiet"]) == 0
    states = [read(tmp_path / name / "checkpoint.pt")["state_dict"] for name in ("whole", "parts")]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


@pytest.mark.parametrize("prior", ["VampPrior", "ExemplarPrior", "MixturePrior"])
def test_priors_of_rows_with_gaps(on_table, tmp_path, prior):
    options = ["--prior", prior, "--prior.components", "5", "--out", str(tmp_path / "run")]
    table = ["--data", str(on_table / "people.csv"), "--columns", "name=ignore"]
    assert main(["train", *table, *quick(epochs=1), *options]) == 0
    assert main(["sample", str(tmp_path / "run"), "--out", str(tmp_path / "x.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "x.csv")) == 64


def test_without_gaps_any_model_will_do(tmp_path):
    people(100).to_parquet(tmp_path / "full.parquet")
    options = ["--data", str(tmp_path / "full.parquet"), "--model", "VAE", *quick(epochs=1)]
    predicted = ["--likelihood", "ColumnsLikelihood", "--likelihood.scale", "predicted"]
    assert main(["train", *options, *predicted, "--out", str(tmp_path / "run")]) == 0
    assert main(["sample", str(tmp_path / "run"), "--n", "3"]) == 0
    assert len(pd.read_csv(tmp_path / "run/samples.csv")) == 3


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["train", "--columns", "age"], "--columns: expected name=value,name=value, got 'age'"),
        (["train", "--columns", "name=date"], "kind among real, .* got 'name=date'"),
        (["train"], "column 'name' is text of 200 different values.*name=ignore"),
        (["train", "--columns", "name=ignore", "--model", "VAE"], "that the model takes, got 2"),
        (
            ["train", "--columns", "name=ignore", "--likelihood", "NormalLikelihood"],
            "likelihood: each column of a table needs its own likelihood.*ColumnsLikelihood, got Normal",
        ),
    ],
)
def test_what_does_not_go_with_a_table(on_table, tmp_path, capsys, command, message):
    out = ["--out", str(tmp_path / "run"), "--data", str(on_table / "people.csv")]
    assert main([*command, *quick(epochs=1), *out]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert re.search(message, said), said


def test_what_does_not_go_with_a_run(on_table, new, trained, tmp_path, capsys):
    run = str(on_table / "run")
    odd = pd.read_csv(new).assign(colour="pink")
    odd.to_csv(tmp_path / "odd.csv", index=False)
    short = odd.drop(columns="grade")
    short.to_csv(tmp_path / "short.csv", index=False)
    for command, message in (
        (["impute", run, "--data", str(tmp_path / "odd.csv")], "'colour': expected one of"),
        (["score", run, "--data", str(tmp_path / "short.csv")], "expected a column 'grade'"),
        (["impute", run, "--out", "x.npy"], "--out: expected a file name that ends in .csv"),
        (["sample", run, "--out", "x.png"], "--out: expected a file name that ends in .csv"),
        (["reconstruct", run], "a table, which has no images"),
        (["impute", str(trained), "--data", str(new)], "expected a run on a table"),
        (["score", str(trained), "--data", str(new)], "expected a run on a table"),
        (["sample", str(trained), "--out", "x.csv"], "expected a run on a table"),
    ):
        assert main(command) == 2, command
        assert message in capsys.readouterr().err
