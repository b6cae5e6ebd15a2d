"""Commands under torchrun: one run folder, one report, one word for each error."""

import os
import subprocess
import sys

from processes_of_ranks import on_ranks

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def run(folder, *words):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [*TORCHRUN, "-m", "pyrovae", *words]
    return subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_a_run_is_trained_evaluated_and_not_overwritten(tmp_path):
    words = [
        "--epochs",
        "1",
        "--samples",
        "3",
        "--encoder.hidden",
        "[8]",
        "--decoder.hidden",
        "[8]",
        "--out",
        "run",
    ]
    done = run(tmp_path, "train", *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("digits, test data:") == 1
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files >= {"checkpoint.pt", "config.yaml", "history.csv", "report.json", "report.html"}
    again = on_ranks([2], "rank_commands", "command", tmp_path, tmp_path, "train", *words)
    assert all(code for code, _ in again[2])
    assert "".join(said for _, said in again[2]).count("--out: run is not empty") == 1


def test_what_is_for_one_process_says_so_once(tmp_path):
    found = on_ranks([2], "rank_commands", "command", tmp_path, tmp_path, "encode", "run")
    assert all(code for code, _ in found[2])
    assert "".join(said for _, said in found[2]).count("encode runs in one process only") == 1
