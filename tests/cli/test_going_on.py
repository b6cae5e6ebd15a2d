"""``pyrovae resume``: the same run as without an interruption, and whatever it still lacks."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
import yaml
from command_line import FIGURES, forge, names_in, quick, rows_of, same_weights, small
from processes import signals_obeyed

from pyrovae.checkpoint import read
from pyrovae.cli import main


def test_resume_equals_a_run_without_interruption(in_tmp):
    options = ["--binarization", "dynamic", "--patience", "5"]
    assert main(["train", *quick(epochs=4), *options, "--out", "whole"]) == 0
    assert main(["train", *quick(epochs=2), *options, "--out", "parts"]) == 0
    assert main(["resume", "parts", "--epochs", "4", "--quiet"]) == 0
    assert same_weights("whole/checkpoint.pt", "parts/checkpoint.pt")
    assert len(rows_of(Path("parts/history.csv"))) == 4
    assert yaml.safe_load(Path("parts/config.yaml").read_text())["epochs"] == 4
    reports = [json.loads(Path(run, "report.json").read_text()) for run in ("whole", "parts")]
    assert reports[0]["elbo"] == reports[1]["elbo"]


def once_there(path, then):
    """Does something when a file is there, in a thread; join it."""

    def wait():
        deadline = time.monotonic() + 120
        while not Path(path).exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        then()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


# A process that is told to end, at other moments, is in test_signals_at_length.py of torture.
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_by_a_signal_then_resumed(in_tmp, number, code, capsys):
    options = [*small(), "--epochs", "100000", "--samples", "2", "--quiet", "--out", "run"]
    with signals_obeyed():
        thread = once_there("run/history.csv", lambda: os.kill(os.getpid(), number))
        assert main(["train", *options, "--compile", "false"]) == code
        thread.join()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("pyrovae: interrupted")
    assert "pyrovae resume run" in said
    done = len(read("run/checkpoint.pt")["training"]["history"]["rows"])
    assert 1 <= done < 100_000
    assert main(["resume", "run", "--epochs", str(done + 1), "--quiet"]) == 0
    assert len(rows_of(Path("run/history.csv"))) == done + 1
    assert not list(Path("run").glob(".*"))  # no temporary file is left


# The ordinary suite kills a run in test_kills.py of torture, while its checkpoint is written.
@pytest.mark.proof
@pytest.mark.parametrize("moment", ["run/checkpoint.pt", "run/config.yaml", "run/history.csv"])
def test_killed_at_any_moment_then_resumed_to_the_same_bits(in_tmp, moment):
    options = [*quick(epochs=3), "--compile", "false", "--checkpoint_steps", "5"]
    assert main(["train", *options, "--out", "whole"]) == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "pyrovae", "train", *options, "--out", "run"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    once_there(moment, process.kill).join()
    process.wait(timeout=60)
    assert Path(moment).exists()
    assert main(["resume", "run", "--quiet"]) == 0
    assert same_weights("whole/checkpoint.pt", "run/checkpoint.pt")
    assert names_in(Path("run")) == names_in(Path("whole"))
    assert names_in(Path("run/figures")) == FIGURES
    assert len(rows_of(Path("run/history.csv"))) == 3


def test_a_run_that_is_done_is_not_trained_again(copied, capsys):
    before = (copied / "checkpoint.pt").read_bytes()
    assert main(["resume", str(copied)]) == 2
    assert "all 2 epochs are done; increase --epochs to continue" in capsys.readouterr().err
    assert (copied / "checkpoint.pt").read_bytes() == before


def test_fewer_epochs_than_are_done_are_refused(copied, capsys):
    (copied / "report.json").unlink()  # as of a run that was interrupted
    assert main(["resume", str(copied), "--epochs", "1"]) == 2
    assert "2 epochs are done already: expected more, got 1" in capsys.readouterr().err
    assert not (copied / "report.json").exists()


def test_what_a_run_lacks_is_written(copied, capsys):
    before = (copied / "checkpoint.pt").read_bytes()
    table, report = ((copied / name).read_text() for name in ("history.csv", "report.json"))
    (copied / "history.csv").write_text("\n".join(table.splitlines()[:-1]) + "\n")  # a row short
    (copied / "report.json").unlink()
    (copied / "config.yaml").unlink()
    for name in ("samples.png", "latents.png"):
        (copied / "figures" / name).unlink()
    assert main(["resume", str(copied), "--quiet"]) == 0
    assert (copied / "history.csv").read_text() == table
    assert json.loads((copied / "report.json").read_text()) == json.loads(report)
    assert (copied / "config.yaml").is_file()
    assert names_in(copied / "figures") == FIGURES
    assert (copied / "checkpoint.pt").read_bytes() == before


def test_figures_alone_are_drawn_and_the_others_left(copied):
    (copied / "figures/samples.png").unlink()
    (copied / "figures/latents.png").write_bytes(b"as it was")
    assert main(["resume", str(copied), "--quiet"]) == 0
    assert names_in(copied / "figures") == FIGURES
    assert (copied / "figures/latents.png").read_bytes() == b"as it was"


def test_a_report_of_other_weights_is_made_anew(copied):
    report = json.loads((copied / "report.json").read_text())
    report["training"]["epochs"], report["elbo"] = 1, 0.0
    (copied / "report.json").write_text(json.dumps(report))
    assert main(["resume", str(copied), "--quiet"]) == 0
    report = json.loads((copied / "report.json").read_text())
    assert (report["training"]["epochs"], report["elbo"] < 0) == (2, True)


def test_a_new_learning_rate(copied, capsys):
    assert main(["resume", str(copied), "--epochs", "3", "--optimizer", "SGD"]) == 2
    assert "arguments of the run's Adam" in capsys.readouterr().err
    assert main(["resume", str(copied), "--epochs", "3", "--optimizer.lrr", "1"]) == 2
    assert "did you mean lr?" in capsys.readouterr().err
    change = ["--optimizer.lr", "1e-5"]
    with pytest.warns(UserWarning, match="lr is 1e-05") as warned:
        assert main(["resume", str(copied), "--epochs", "3", "--quiet", *change]) == 0
    assert [str(warning.message) for warning in warned] == [
        "resume: lr is 1e-05 from now on; the run was started with 0.001"
    ]
    assert float(rows_of(copied / "history.csv")[-1]["learning_rate"]) == 1e-5
    optimizer = read(copied / "checkpoint.pt")["notes"]["options"]["optimizer"]
    assert optimizer["init_args"]["lr"] == 1e-5
    assert optimizer["init_args"]["fused"] is True


def test_resume_reads_the_checkpoint_and_never_the_config(copied):
    (copied / "config.yaml").write_text("objective: {class_path: evil.E}\nepochs: 1\n")
    assert main(["resume", str(copied), "--epochs", "3", "--quiet"]) == 0
    assert yaml.safe_load((copied / "config.yaml").read_text())["epochs"] == 3


EVIL = {"class_path": "evil.Thing", "init_args": {}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("objective", EVIL),
        ("objective", "evil.Thing"),
        ("optimizer", {"class_path": "subprocess.Popen", "init_args": {"args": "x"}}),
        ("optimizer", {"class_path": "torch.hub.load", "init_args": {}}),
        ("scheduler", EVIL),
        ("beta", EVIL),
        (
            "objective",
            {"class_path": "pyrovae.objectives.BetaELBO", "init_args": {"elbo": EVIL}},
        ),
        (
            "objective",
            {"class_path": "pyro.infer.Trace_ELBO", "init_args": {"max_plate_nesting": EVIL}},
        ),
        ("objective.class_path", "evil.Thing"),
        ("allow", ["evil"]),
        ("epochs", "x"),
        ("samples", 0),
        ("num_workers", -1),
        ("device", ["cpu"]),
    ],
)
def test_somebody_elses_run_cannot_name_what_is_not_allowed(copied, in_tmp, name, value, capsys):
    Path("evil.py").write_text("open('was_here', 'w').close()")
    forge(copied / "checkpoint.pt", **{name: value})
    before = sorted(in_tmp.rglob("*"))
    assert main(["resume", str(copied), "--epochs", "3"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name.split(".")[0] in said
    assert sorted(in_tmp.rglob("*")) == before


def test_nothing_is_downloaded_or_made_because_a_run_says_so(copied, in_tmp, capsys):
    forge(copied / "checkpoint.pt", data="mnist", root=str(in_tmp / "new"), download=True)
    assert main(["evaluate", str(copied), "--samples", "2"]) == 2
    assert "mnist" in capsys.readouterr().err
    assert not (in_tmp / "new").exists()


def test_a_checkpoint_of_no_run_says_so(tmp_path, capsys):
    torch.save({"format": "pyrovae checkpoint 1", "state_dict": {}}, tmp_path / "checkpoint.pt")
    assert main(["resume", str(tmp_path)]) == 2
    assert "does not belong to a run of pyrovae train" in capsys.readouterr().err
