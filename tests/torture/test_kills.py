"""SIGKILL at a hundred moments of a run: resumed, it is the run that nobody killed, to the bit."""

import csv
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from command_line import FIGURES, quick
from processes import start_process

from pyrovae.checkpoint import read
from pyrovae.cli import main
from pyrovae.cli.pages.run import run_page
from pyrovae.cli.runs import Run

EPOCHS, CHECKPOINTS = 3, 10
OPTIONS = [
    *(*quick(epochs=EPOCHS), "--compile", "false", "--checkpoint_steps", "5"),
    *("--binarization", "dynamic", "--patience", "5", "--average", "0.9"),
    *("--scheduler", "StepLR", "--scheduler.step_size", "1"),
]
KINDS = ("half", "whole", "moved")
WRITTEN = [
    *(("checkpoint.pt", number) for number in range(CHECKPOINTS)),
    *(("history.csv", number) for number in range(EPOCHS)),
    *((name, 0) for name in ("config.yaml", "report.json", "report.html", *sorted(FIGURES))),
]
#: What the ordinary suite tries, too.
ALWAYS = {("checkpoint.pt", 0, "half")}
CHOSEN = [
    pytest.param(*moment, marks=[] if moment in ALWAYS else pytest.mark.torture)
    for moment in ((*file, kind) for file in WRITTEN for kind in KINDS)
]
RANDOM = 100 - len(CHOSEN)


def start(*words, script=("-m", "pyrovae")):
    return start_process(
        [sys.executable, *map(str, script), *map(str, words)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody killed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert main(["train", *OPTIONS, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def seconds(tmp_path_factory):
    """What a process takes for it."""
    began = time.monotonic()
    process = start("train", *OPTIONS, "--out", tmp_path_factory.mktemp("timed") / "run")
    _, said = process.communicate()
    assert process.returncode == 0, said
    return time.monotonic() - began


def alike(a, b):
    """Whether two values of checkpoints are the same, bit for bit."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and a.equal(b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a if key != "seconds")
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    return repr(a) == repr(b)  # NaN, too


def check_same_run(folder, whole):
    for name in ("components", "state_dict", "training", "notes"):
        mine, theirs = (read(f / "checkpoint.pt")[name] for f in (folder, whole))
        assert alike(mine, theirs), name
    tables = []
    for run in (folder, whole):
        with (run / "history.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        tables.append([{k: v for k, v in row.items() if k != "seconds"} for row in rows])
    assert tables[0] == tables[1]
    reports = [json.loads((f / "report.json").read_text()) for f in (folder, whole)]
    assert alike(*reports)
    # Nothing is missing, no temporary file is left, and the figures are the same.
    names = [sorted(str(p.relative_to(f)) for p in f.rglob("*")) for f in (folder, whole)]
    assert names[0] == names[1]
    for figure in FIGURES:
        mine, theirs = ((f / "figures" / figure).read_bytes() for f in (folder, whole))
        assert mine == theirs, figure
    # The page says how long training took, and is that of the other files.
    assert (folder / "report.html").read_text(encoding="utf-8") == run_page(Run(folder))


def go_on(folder, capsys):
    """Resumes a run; one without a checkpoint is begun anew in the same folder."""
    if (folder / "checkpoint.pt").is_file():
        code, said = main(["resume", str(folder), "--quiet"]), capsys.readouterr().err
        assert code == 0 or (code == 2 and f"all {EPOCHS} epochs are done" in said), said
    else:
        if folder.is_dir():
            assert main(["resume", str(folder)]) == 2
            assert "expected a run folder" in capsys.readouterr().err
        assert main(["train", *OPTIONS, "--out", str(folder)]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(("name", "number", "kind"), CHOSEN)
def test_killed_while_a_file_is_written(name, number, kind, whole, tmp_path, capsys):
    run = tmp_path / "run"
    script = (Path(__file__).with_name("killed.py"), kind, name, number)
    process = start("train", *OPTIONS, "--out", run, script=script)
    _, said = process.communicate()
    assert process.returncode == -9, said
    go_on(run, capsys)
    check_same_run(run, whole)


@pytest.mark.torture
@pytest.mark.parametrize("number", range(RANDOM))
def test_killed_at_a_random_moment_and_half_of_them_again(
    number, whole, seconds, tmp_path, capsys
):
    generator = random.Random(number)
    run = tmp_path / "run"
    words = ["train", *OPTIONS, "--out", str(run)]
    for _ in range(1 + number % 2):
        process = start(*words)
        time.sleep(generator.random() * seconds)
        process.kill()
        process.communicate()
        if (run / "checkpoint.pt").is_file():
            words = ["resume", str(run), "--quiet"]
    go_on(run, capsys)
    check_same_run(run, whole)
