"""``pyrovae encode`` and ``pyrovae score``: a row a datum, in the order of the data."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch
from command_line import quick

from pyrovae.cli import main
from pyrovae.cli.runs import Run
from pyrovae.evaluation import annealed_log_likelihood, encode, log_likelihood, score, wider


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def other(tmp_path):
    """Other data of the same shape."""
    x = np.random.default_rng(0).random((7, 1, 8, 8), dtype=np.float32)
    np.save(tmp_path / "other.npy", x)
    return tmp_path / "other.npy", torch.from_numpy(x)


def test_codes_of_the_data_that_were_kept_aside(trained, tmp_path):
    out = tmp_path / "codes.npy"
    assert main(["encode", str(trained), "--out", str(out)]) == 0
    run = Run(trained)
    expected = encode(run.model(), run.data.test)
    np.testing.assert_array_equal(np.load(out), expected.numpy())
    assert main(["encode", str(trained), "--split", "validation", "--out", str(out)]) == 0
    assert len(np.load(out)) == len(run.data.validation)


def test_codes_of_a_file_in_its_order(trained, other, tmp_path):
    file, x = other
    out = tmp_path / "codes.npy"
    assert main(["encode", str(trained), "--data", str(file), "--out", str(out)]) == 0
    codes = np.load(out)
    expected = Run(trained).model().encode(x).numpy()
    # Batches of other sizes round their products otherwise.
    np.testing.assert_allclose(codes, expected, rtol=1e-4, atol=1e-5)


def test_moments_and_draws(trained, other, tmp_path):
    file, _ = other
    # Each datum 25 times, so that a command has 25 draws of each.
    np.save(tmp_path / "often.npy", np.repeat(np.load(file), 25, 0))
    often = ["encode", str(trained), "--data", str(tmp_path / "often.npy"), "--moments"]
    command = ["encode", str(trained), "--data", str(file), "--moments"]
    out = tmp_path / "codes.npy"
    assert main([*command, "both", "--out", str(out)]) == 0
    mean, std = np.load(out)
    assert mean.shape == std.shape == (7, 3)
    assert (std > 0).all()
    with np.errstate(all="raise"):
        draws = []
        for seed in range(4):
            assert main([*often, "draws", "--seed", str(seed), "--out", str(out)]) == 0
            draws.append(np.load(out).reshape(7, 25, 3))
    # The mean of 100 standard normal numbers has an error of 0.1: 6 of these, of 21 numbers.
    assert (abs((np.mean(draws, (0, 2)) - mean) / std) < 0.6).all()
    assert main([*command, "both", "--out", str(tmp_path / "codes.npz")]) == 0
    arrays = np.load(tmp_path / "codes.npz")
    np.testing.assert_array_equal(arrays["z_mean"], mean)
    np.testing.assert_array_equal(arrays["z_std"], std)


def test_codes_as_a_table(trained, other, tmp_path):
    file, _ = other
    command = ["encode", str(trained), "--data", str(file)]
    assert main([*command, "--moments", "both", "--out", str(tmp_path / "codes.csv")]) == 0
    assert main([*command, "--out", str(tmp_path / "codes.npy")]) == 0
    rows = rows_of(tmp_path / "codes.csv")
    assert list(rows[0]) == ["datum", *(f"z_{m}_{i}" for m in ("mean", "std") for i in range(3))]
    assert [row["datum"] for row in rows] == [str(i) for i in range(7)]
    read = np.array([[float(row[f"z_mean_{i}"]) for i in range(3)] for row in rows])
    np.testing.assert_allclose(read, np.load(tmp_path / "codes.npy"), rtol=1e-6)


def test_several_latents(in_tmp, capsys):
    model = ["--model", "CategoricalVAE", "--model.variables", "3", "--model.categories", "2"]
    options = [*quick(latents=6, epochs=1), "--objective", "EnumeratedELBO"]
    assert main(["train", *options, *model, "--out", "run"]) == 0
    assert main(["encode", "run"]) == 2
    assert "several latents (z1, z2, z3)" in capsys.readouterr().err
    assert main(["encode", "run", "--out", "codes.npz"]) == 0
    assert list(np.load("codes.npz")) == ["z1", "z2", "z3"]


def test_scores_are_those_of_python_and_their_means_the_reports(trained, tmp_path, capsys):
    out = tmp_path / "scores.csv"
    assert main(["score", str(trained), "--samples", "5", "--out", str(out)]) == 0
    assert "cross-entropy, not a log-likelihood" in capsys.readouterr().out
    rows = rows_of(out)
    names = ["elbo", "reconstruction", "kl", "log_likelihood", "mc_se", "ess"]
    assert list(rows[0]) == ["datum", *names]
    run = Run(trained)
    expected = score(run.model(), run.data.test, samples=5)
    for name in names:
        column = np.array([float(row[name]) for row in rows])
        np.testing.assert_allclose(column, getattr(expected, name).numpy(), rtol=1e-6)
    report = json.loads((trained / "report.json").read_text())
    mean = np.mean([float(row["elbo"]) for row in rows])
    assert mean == pytest.approx(report["elbo"], rel=1e-5)


def test_scores_of_a_file(trained, other, tmp_path):
    file, _ = other
    command = ["score", str(trained), "--data", str(file), "--samples", "3"]
    assert main([*command, "--out", str(tmp_path / "scores.csv")]) == 0
    assert len(rows_of(tmp_path / "scores.csv")) == 7


def test_log_likelihood_by_a_wider_guide(trained, tmp_path, capsys):
    run = shutil.copytree(trained, tmp_path / "run")
    assert main(["evaluate", str(run), "--samples", "30", "--wider", "1.5"]) == 0
    assert "with a guide 1.5 times as wide, S = 30" in capsys.readouterr().out
    report = json.loads((run / "report.json").read_text())
    opened = Run(run)
    expected = log_likelihood(wider(opened.model(), 1.5), opened.data.test, samples=30)
    assert report["log_likelihood"]["value"] == pytest.approx(expected.value, rel=1e-6)
    assert main(["evaluate", str(run), "--wider", "0"]) == 2
    assert "factor: expected a positive number, got 0" in capsys.readouterr().err


def test_bounds_by_annealing(trained, tmp_path, capsys):
    out = tmp_path / "annealed.csv"
    options = ["--first", "3", "--chains", "2", "--temperatures", "2", "--out", str(out)]
    assert main(["anneal", str(trained), *options]) == 0
    said = capsys.readouterr().out
    assert "3 data, 2 chains of 2 temperatures" in said
    assert "3 simulated data" in said
    rows = rows_of(out)
    run = Run(trained)
    x = run.data.test.take(3)[0]
    expected = annealed_log_likelihood(run.model(), x, chains=2, temperatures=2)
    found = [float(row["log_likelihood"]) for row in rows]
    np.testing.assert_allclose(found, expected.value.numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["encode", "--out", "codes.txt"], "ends in .npy, .npz, .csv"),
        (["score", "--out", "scores.npy"], "ends in .csv"),
        (["anneal", "--out", "annealed.txt"], "ends in .csv"),
        (["encode", "--moments", "mode"], "one of mean, draws, both"),
        (["encode", "--data", "nowhere.npy"], "nowhere.npy"),
        (["score", "--data", "wide.npy"], "expected data of shape (n, 1, 8, 8)"),
    ],
)
def test_wrong_input(trained, in_tmp, arguments, said, capsys):
    np.save("wide.npy", np.zeros((3, 1, 9, 9), dtype=np.float32))
    command, *rest = arguments
    assert main([command, str(trained), *rest]) == 2
    answer = capsys.readouterr().err
    assert said in answer
    assert answer.count("\n") == 1
