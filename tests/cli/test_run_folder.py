"""The folder of a run: taken at once, by one process, and nothing of anybody else's deleted."""

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import names_in, quick

import pyrovae
from pyrovae.cli import main
from pyrovae.cli.folders import locked, taken
from pyrovae.cli.runs import Run


def test_overwriting_removes_what_the_old_run_said(in_tmp, capsys):
    assert main(["train", *quick(latents=2), "--out", "run"]) == 0
    Path("run/figures/mine.png").write_text("")
    Path("run/notes.txt").write_text("")
    assert Path("run/figures/manifold.png").exists()
    assert main(["train", *quick(), "--out", "run"]) == 2  # not without being asked
    assert "--overwrite" in capsys.readouterr().err
    assert main(["train", *quick(), "--out", "run", "--overwrite"]) == 0
    assert not Path("run/figures/manifold.png").exists()
    assert Path("run/figures/mine.png").exists()  # nothing that no run wrote
    assert Path("run/notes.txt").exists()


def test_a_run_is_not_lost_to_one_that_does_not_begin(copied):
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    wrong = ["--posterior", "VectorQuantizedPosterior"]
    assert main(["train", *quick(), *wrong, "--out", str(copied), "--overwrite"]) == 2
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "objective", ["ClassificationELBO", "VectorQuantizedELBO", "TraceTailAdaptive_ELBO"]
)
def test_nor_to_one_whose_first_step_fails(objective, copied, in_tmp, capsys):
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    wrong = [*quick(), "--objective", objective]
    assert main(["train", *wrong, "--out", str(copied), "--overwrite"]) == 2
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before
    assert main(["train", *wrong]) == 2
    assert not Path("runs").exists()
    assert capsys.readouterr().err.count("\n") == 2


def test_only_a_run_is_overwritten(in_tmp, capsys):
    Path("pictures/figures").mkdir(parents=True)
    Path("pictures/figures/samples.png").write_text("")
    assert main(["train", *quick(), "--out", "pictures", "--overwrite"]) == 2
    assert "holds none" in capsys.readouterr().err
    assert Path("pictures/figures/samples.png").exists()


@pytest.mark.parametrize("linked", ["run", "run/figures"])
def test_links_are_not_followed(copied, in_tmp, linked, capsys):
    elsewhere = in_tmp / "elsewhere"
    (copied.rename("run") / "figures").rename(elsewhere)
    if linked == "run":
        elsewhere.rename("run/figures")
        Path("run").rename(elsewhere)
    Path(linked).symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    assert main(["train", *quick(), "--out", "run", "--overwrite"]) == 2
    assert "links are not followed" in capsys.readouterr().err
    assert sorted(elsewhere.rglob("*")) == before


def test_new_folders_are_numbered_and_two_at_once_differ(in_tmp):
    with taken(None, "a", overwrite=False) as first, taken(None, "a", overwrite=False) as second:
        assert (first, second) == (Path("runs/a-1"), Path("runs/a-2"))
        (first / "file").write_text("")
    # Where nothing was written, nothing is left.
    assert names_in(Path("runs")) == {"a-1"}


def test_a_folder_that_is_named_is_taken_once(in_tmp):
    with taken("run", "a", overwrite=False):
        with pytest.raises(ValueError, match="another process"), taken("run", "a", overwrite=True):
            pass
        with pytest.raises(ValueError, match="another process"), locked(Path("run")):
            pass
    assert not Path("run").exists()


def test_the_lock_ends_with_its_process(in_tmp):
    Path("run").mkdir()
    code = "import os, pathlib; from pyrovae.cli.folders import locked\n"
    code += "locked(pathlib.Path('run')).__enter__(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    with locked(Path("run")):
        pass


def test_a_home_folder_is_written_out(in_tmp, monkeypatch):
    monkeypatch.setenv("HOME", str(in_tmp / "home"))
    assert main(["train", *quick(epochs=1), "--out=~/run"]) == 0
    assert (in_tmp / "home/run/report.json").exists()
    assert not Path("~").exists()


@pytest.mark.parametrize("binarization", ["threshold", "dynamic"])
def test_a_prior_that_keeps_data_is_given_them_again(in_tmp, binarization):
    options = [*quick(), "--prior", "ExemplarPrior", "--binarization", binarization]
    assert main(["train", *options, "--out", "run", "--seed", "3"]) == 0
    assert (in_tmp / "run" / "checkpoint.pt").stat().st_size < 1e6
    assert main(["sample", "run", "--n", "3", "--out", "samples.npy"]) == 0
    assert main(["evaluate", "run", "--samples", "2"]) == 0
    assert main(["resume", "run", "--epochs", "3", "--quiet"]) == 0
    (x,) = pyrovae.load_data("digits", binarization="threshold").train.take(1437)
    if binarization == "threshold":
        assert Run("run").model().prior.exemplars.shape == x.shape
