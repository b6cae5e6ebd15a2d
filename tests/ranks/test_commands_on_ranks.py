"""Commands on several ranks: one run folder, one report, one word for each error."""

import json
import os
import subprocess
import sys

import pytest
from command_line import quick
from processes_of_ranks import on_ranks

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
TRAIN = ["train", *[word for word in quick(epochs=1, samples=3) if word != "--quiet"]]
TRAIN += ["--out", "run"]
FILES = {"checkpoint.pt", "config.yaml", "history.csv", "report.json", "report.html"}


def on_two(folder, *given):
    """What each of two ranks says of each command; one that is refused parts them, and comes last."""
    ranks = on_ranks([2], "rank_commands", "commands", folder, folder, json.dumps(given))[2]
    return zip(*ranks, strict=True)


def joined(several):
    return "".join(said for _, *both in several for said in both)


def test_a_run_is_trained_evaluated_and_not_overwritten(tmp_path):
    trained, again = on_two(tmp_path, TRAIN, TRAIN)
    assert [code for code, *_ in trained] == [0, 0], joined(trained)
    assert joined(trained).count("digits, test data:") == 1
    assert {path.name for path in (tmp_path / "run").iterdir()} >= FILES
    assert all(code for code, *_ in again)
    assert joined(again).count("--out: run is not empty") == 1


def test_what_is_for_one_process_says_so_once(tmp_path):
    (refused,) = on_two(tmp_path, ["encode", "run"])
    assert all(code for code, *_ in refused)
    assert joined(refused).count("encode runs in one process only") == 1


@pytest.mark.proof
def test_torchrun_starts_them(tmp_path):
    done = subprocess.run(
        [*TORCHRUN, "-m", "pyrovae", *TRAIN],
        check=False,
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("digits, test data:") == 1
    assert {path.name for path in (tmp_path / "run").iterdir()} >= FILES
