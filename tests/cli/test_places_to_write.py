"""Runs and files that cannot be written: said before the work, and no number is lost."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import torch
from command_line import names_in

from pyrovae.cli import main
from pyrovae.cli.runs import Run
from pyrovae.files import check_writable

SUFFIXES = {
    "score": "csv",
    "anneal": "csv",
    "encode": "csv",
    "latents": "csv",
    "disentangle": "json",
    "quality": "json",
    "export": "pt2",
}


@pytest.fixture
def read_only(trained, tmp_path):
    """A run on a file system that cannot be written, where this user may make one."""
    folder = shutil.copytree(trained, tmp_path / "read_only")
    commands = (["--bind", str(folder)], ["-o", "remount,ro,bind"])
    try:
        done = [
            subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
            for options in commands
        ]
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done[0].returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_evaluate_shows_its_numbers_and_says_that_it_could_not_write_them(read_only, capsys):
    assert main(["evaluate", str(read_only), "--samples", "7"]) == 2
    said = capsys.readouterr()
    assert "S = 7" in said.out
    assert said.err == f"pyrovae: {read_only}/report.json: Read-only file system\n"
    assert json.loads((read_only / "report.json").read_text())["log_likelihood"]["samples"] == 5


@pytest.mark.parametrize(
    "command",
    [
        ["score"],
        ["anneal", "--first", "2", "--temperatures", "1"],
        ["encode"],
        ["sample", "--n", "3"],
        ["reconstruct"],
        ["plot"],
        ["latents", "--drawn", "20"],
        ["disentangle", "--factors", "factors.npy"],
        ["quality", "--features", "RUN"],
        ["export", "--only", "decoder"],
    ],
)
def test_what_is_written_into_a_run_by_default(command, read_only, in_tmp, capsys):
    name, *options = (str(read_only) if word == "RUN" else word for word in command)
    labels = Run(read_only).data.test.labels
    np.save("factors.npy", torch.stack([labels % 2, labels // 2], dim=1).numpy())
    assert main([name, str(read_only), *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"pyrovae: {read_only}/")
    assert said.err.endswith("Read-only file system\n")
    if name != "plot":
        suffix = SUFFIXES.get(name, "npy")
        out = in_tmp / "new" / f"out.{suffix}"
        assert main([name, str(read_only), *options, "--out", str(out)]) == 0
        assert [file.suffix for file in out.parent.iterdir()] == [out.suffix]


def test_resume_and_train_leave_a_read_only_run_alone(read_only, capsys):
    assert main(["resume", str(read_only), "--epochs", "3", "--quiet"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["train", "--out", str(read_only), "--overwrite"]) == 2
    assert "expected a folder that can be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "suffix"),
    [
        ("score", "csv"),
        ("anneal", "csv"),
        ("encode", "npz"),
        ("sample", "png"),
        ("reconstruct", "npy"),
        ("latents", "csv"),
        ("disentangle --factors factors.npy", "json"),
        ("quality --features RUN", "json"),
    ],
)
def test_nothing_is_worked_out_for_a_file_that_cannot_be_written(
    command, suffix, trained, tmp_path, monkeypatch, capsys
):
    def worked(*_, **__):
        raise AssertionError("it went to work")

    monkeypatch.setattr("pyrovae.evaluation.score", worked)
    monkeypatch.setattr("pyrovae.evaluation.annealed_log_likelihood", worked)
    monkeypatch.setattr("pyrovae.evaluation.encode", worked)
    monkeypatch.setattr("pyrovae.evaluation.latent_variables", worked)
    monkeypatch.setattr("pyrovae.models.VAE.model", worked)
    folder = tmp_path / f"folder.{suffix}"
    folder.mkdir()
    (tmp_path / "file").write_text("")
    command, *options = command.replace("RUN", str(trained)).split()
    for out, why in ((folder, "Is a directory"), (f"{tmp_path}/file/x.{suffix}", "directory")):
        assert main([command, str(trained), *options, "--out", str(out)]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"pyrovae: {out}: ")
        assert why in said
        assert said.count("\n") == 1
    assert names_in(tmp_path) == {folder.name, "file"}


def test_no_program_is_made_for_a_file_that_cannot_be_written(
    trained, in_tmp, monkeypatch, capsys
):
    def worked(*_, **__):
        raise AssertionError("it went to work")

    monkeypatch.setattr("pyrovae.models.VAE.model", worked)
    monkeypatch.setattr("pyrovae.models.VAE.guide", worked)
    (in_tmp / "x.decoder.pt2").mkdir()
    (in_tmp / "file").write_text("")
    for out, said in (("x.pt2", "x.decoder.pt2: Is a"), ("file/x.pt2", "file/x.encoder.pt2: ")):
        assert main(["export", str(trained), "--out", out]) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith(f"pyrovae: {said}")
        assert captured.err.count("\n") == 1
    assert names_in(in_tmp) == {"x.decoder.pt2", "file"}


def test_looking_whether_a_file_can_be_written_writes_none(tmp_path):
    check_writable(tmp_path / "a/b/c.npy")
    (tmp_path / "there.npy").write_text("old")
    check_writable(tmp_path / "there.npy")
    assert names_in(tmp_path) == {"there.npy"}
    assert (tmp_path / "there.npy").read_text() == "old"
