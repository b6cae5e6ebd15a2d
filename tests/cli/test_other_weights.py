"""What stands beside a checkpoint is of its weights and data, or is not believed."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import quick, rows_of

from pyrovae.checkpoint import digest, read, write
from pyrovae.cli import main


def other_weights(folder):
    content = read(folder / "checkpoint.pt")
    for tensor in content["state_dict"].values():
        tensor.mul_(0.5)
    write(folder / "checkpoint.pt", content)


def test_a_report_names_its_weights(trained):
    report = json.loads((trained / "report.json").read_text())
    assert report["weights"] == digest(read(trained / "checkpoint.pt")["state_dict"])


def test_a_report_of_other_weights_is_not_compared(copied, trained, capsys):
    other_weights(copied)
    assert main(["compare", str(copied)]) == 2
    assert "its report is of other weights than its checkpoint" in capsys.readouterr().err
    table = copied / "table.csv"
    assert main(["compare", str(copied), str(trained), "--csv", str(table)]) == 0
    assert f"{copied}: left out, its report is of other weights" in capsys.readouterr().err
    assert [row["run"] for row in rows_of(table)] == [trained.name]


def test_a_model_card_has_no_numbers_of_other_weights(copied, capsys):
    pytest.importorskip("safetensors")
    other_weights(copied)
    hub = copied / "hub"
    command = ["export", str(copied), "--hub-folder", str(hub)]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        f"pyrovae: {copied}/report.json: the report belongs to other weights; run pyrovae evaluate first\n"
    )
    assert not hub.exists()
    assert main(["evaluate", str(copied), "--samples", "2"]) == 0
    assert main(command) == 0
    content = read(copied / "checkpoint.pt")
    average = {k: v + 1 for k, v in content["state_dict"].items() if v.is_floating_point()}
    content["training"]["average"] = {"weights": average}
    write(copied / "checkpoint.pt", content)
    assert main([*command, "--averaged"]) == 2
    assert "run pyrovae evaluate --averaged first" in capsys.readouterr().err


def test_evaluate_replaces_it_and_says_so(copied, capsys):
    other_weights(copied)
    assert main(["evaluate", str(copied), "--samples", "2"]) == 0
    assert "report.json: it was of other weights, and is replaced" in capsys.readouterr().err
    assert main(["compare", str(copied)]) == 0
    assert capsys.readouterr().err == ""


def test_resume_makes_it_anew(copied):
    other_weights(copied)
    before = json.loads((copied / "report.json").read_text())
    assert main(["resume", str(copied), "--quiet"]) == 0
    after = json.loads((copied / "report.json").read_text())
    assert after["elbo"] != before["elbo"]
    assert after["weights"] == digest(read(copied / "checkpoint.pt")["state_dict"])


@pytest.fixture
def of_a_file(in_tmp):
    np.save("x.npy", np.random.default_rng(0).random((40, 6), dtype=np.float32))
    assert main(["train", "--data", "x.npy", *quick(), "--out", "run"]) == 0
    return in_tmp


@pytest.mark.parametrize("epochs", [[], ["--epochs", "3"]], ids=["done", "more"])
def test_other_data_are_refused(of_a_file, epochs, capsys):
    Path("run/report.json").unlink()
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    x = np.load("x.npy")
    for other, said in (
        (1 - x, "expected the same train data, got different data of the same size"),
        (x[:30], "expected the same train data, got size 24 instead of 32"),
    ):
        np.save("x.npy", other)
        assert main(["resume", "run", "--quiet", *epochs]) == 2
        answer = capsys.readouterr().err
        assert f"run/checkpoint.pt: data: {said}" in answer
        assert answer.count("\n") == 1
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before


def test_data_that_moved_go_on(of_a_file):
    Path("x.npy").rename("y.npy")
    moved = ["--data", "y.npy", "--epochs", "3", "--quiet"]
    assert main(["resume", "run", *moved]) == 0
    assert len(rows_of(Path("run/history.csv"))) == 3
