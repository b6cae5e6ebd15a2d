"""What is done with a finished run: evaluate, sample, reconstruct, plot, compare."""

import csv
import json
import shutil

import numpy as np
import pytest
from command_line import FIGURES, forge, names_in, quick, rows_of
from PIL import Image

from pyrovae.cli import main
from pyrovae.cli.saying import printable


def test_evaluate_again_with_more_samples(copied, capsys):
    assert main(["evaluate", str(copied), "--samples", "20", "--split", "validation"]) == 0
    said = capsys.readouterr().out
    assert "S = 20" in said
    before = "report.html: validation data, S = 20, in place of a report of test data, S = "
    assert f"{copied}/report.json, {before}" in said
    report = json.loads((copied / "report.json").read_text())
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


def test_a_checkpoint_in_the_place_of_its_run(trained, capsys):
    assert main(["evaluate", str(trained / "checkpoint.pt")]) == 2
    assert f"it is a file; name its folder, {trained}\n" in capsys.readouterr().err


def test_the_figures_of_a_run_are_left_as_they_are(copied, capsys):
    before = {path: path.read_bytes() for path in (copied / "figures").iterdir()}
    assert main(["sample", str(copied), "--n", "3"]) == 0
    assert main(["reconstruct", str(copied), "--n", "3"]) == 0
    said = capsys.readouterr().out.split()
    assert said == [str(copied / "samples.png"), str(copied / "reconstructions.png")]
    assert {path: path.read_bytes() for path in (copied / "figures").iterdir()} == before


def test_more_samples_than_are_made_at_once(trained, tmp_path):
    out = tmp_path / "samples.npy"
    assert main(["sample", str(trained), "--n", "2100", "--out", str(out)]) == 0
    values = np.load(out)
    assert values.shape == (2100, 1, 8, 8)
    assert len(np.unique(values.reshape(2100, -1), axis=0)) == 2100


def test_plot_draws_the_figures_again(copied):
    for path in (copied / "figures").iterdir():
        path.unlink()
    assert main(["plot", str(copied)]) == 0
    assert names_in(copied / "figures") == FIGURES


def test_plot_draws_only_what_is_asked_for(copied, capsys):
    for path in (copied / "figures").iterdir():
        path.unlink()
    chosen = ["--only", "neighbours", "--only", "latent_codes"]
    assert main(["plot", str(copied), *chosen]) == 0
    assert names_in(copied / "figures") == {"neighbours.png", "latent_codes.png"}
    assert main(["plot", str(copied), "--only", "manifold"]) == 2
    assert "expected figures among training_curves, reconstructions" in capsys.readouterr().err


def test_compare_puts_runs_side_by_side(trained, in_tmp, capsys):
    assert main(["train", *quick(), "--binarization", "threshold", "--out", "other"]) == 0
    capsys.readouterr()
    assert main(["compare", str(trained), "other", "--csv", "table.csv"]) == 0
    said = capsys.readouterr()
    assert "other" in said.out
    assert "do not compare" in said.err  # two binarizations
    rows = rows_of(in_tmp / "table.csv")
    assert [row["run"] for row in rows] == ["run", "other"]
    assert [row["binarization"] for row in rows] == ["none", "threshold"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("nowhere", "expected a run folder, but it has no checkpoint.pt"),
        ("empty", "expected a run folder, but it has no checkpoint.pt"),
        ("no checkpoint", "expected a run folder, but it has no checkpoint.pt"),
        ("broken report", "expected a report"),
        ("broken checkpoint", "checkpoint.pt"),
    ],
)
def test_one_of_several_runs_is_broken(damage, said, trained, copied, tmp_path, capsys):
    broken = tmp_path / "nowhere" if damage == "nowhere" else copied
    if damage == "empty":
        shutil.rmtree(copied)
        copied.mkdir()
    elif damage == "no checkpoint":
        (copied / "checkpoint.pt").unlink()
    elif damage == "broken report":
        (copied / "report.json").write_bytes(b"\xff\x00{")
    elif damage == "broken checkpoint":
        (copied / "checkpoint.pt").write_bytes(b"PK")
    table = tmp_path / "table.csv"
    for runs in ([trained, broken], [broken, trained], [trained, broken, trained]):
        assert main(["compare", *map(str, runs), "--csv", str(table)]) == 2
        answer = capsys.readouterr()
        assert answer.out == ""
        assert answer.err.startswith(f"pyrovae: {broken}")
        assert said in answer.err
        assert answer.err.count("\n") == 1
        assert not table.exists()


def test_a_run_that_is_not_done_is_left_out(trained, copied, capsys):
    (copied / "report.json").unlink()
    assert main(["compare", str(copied), str(trained)]) == 0
    answer = capsys.readouterr()
    assert answer.err == f"{copied}: left out, it has no report.json\n"
    assert answer.out.count("\n") == 2


def test_a_table_is_not_written_over_something_else(trained, tmp_path, capsys):
    assert main(["compare", str(trained), "--csv", str(trained / "report.json")]) == 2
    assert "--csv: expected a file name that ends in .csv" in capsys.readouterr().err


def test_names_of_somebody_elses_run_do_nothing(copied, tmp_path, capsys):
    report = json.loads((copied / "report.json").read_text())
    report["dataset"]["name"] = '=HYPERLINK("http://example.org")'
    report["model"]["prior"] = "\x1b[31mred\nline"
    (copied / "report.json").write_text(json.dumps(report))
    assert main(["compare", str(copied), "--csv", str(tmp_path / "table.csv")]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\\x1b[31mred\\nline" in said
    assert said.count("\n") == 2
    with (tmp_path / "table.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["data"].startswith("'=")
    assert float(row["elbo"]) < 0  # a number that begins with a sign stays one


def test_messages_do_not_obey_a_stranger(copied, capsys):
    forge(copied / "checkpoint.pt", data="\x1b]0;title\x07")
    assert main(["evaluate", str(copied)]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_printable_text_stays_as_it_is():
    assert printable("Äpfel, 猫\nand more") == "Äpfel, 猫\nand more"
    assert printable("\x1b[2J\x00\u202e") == "\\x1b[2J\\x00\\u202e"


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "JSON"), ("[]", "JSON"), ('{"split": "test"}', "report.json"), ("{}", "report.json")],
)
def test_a_report_that_is_none(copied, content, said, capsys):
    (copied / "report.json").write_text(content)
    assert main(["compare", str(copied)]) == 2
    answer = capsys.readouterr().err
    assert said in answer
    assert answer.count("\n") == 1
