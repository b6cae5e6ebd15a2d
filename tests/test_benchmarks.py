"""The comparison runs and writes its table and figure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPARE = Path(__file__).parent.parent / "benchmarks" / "compare.py"


@pytest.mark.parametrize("what", ["priors", "objectives"])
def test_compare(what, tmp_path):
    small = ["--epochs", "1", "--seeds", "[0,1]", "--samples", "2", "--hidden", "8"]
    done = subprocess.run(
        [sys.executable, COMPARE, what, *small, "--out", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / f"compare-{what}-digits.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 5
    assert "S = 2" in page
    assert (tmp_path / "figures" / f"compare-{what}-digits.png").stat().st_size > 1000


def test_speed(tmp_path):
    # Contenders that compile nothing and need no further package.
    only = "[pyro-svi,torch-eager,pyrovae-eager,pythae,floor]"
    page = tmp_path / "speed.md"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--quick", "true", "--only", only]
        + ["--settings", "ae", "--batches", "[16]", "--rounds", "1", "--seconds", "0.01"]
        + ["--threads", "1", "--root", tmp_path, "--out", page],
        capture_output=True,
        text=True,
        check=False,
        cwd=COMPARE.parent.parent,
    )
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "generated images" in text
    # Two cases of (a), one of (e): its bounds agree, as all do the same work.
    assert text.count("\n## (") == 3
    for section in text.split("\n## (")[1:3]:
        rows = [line.split("|") for line in section.splitlines() if line.startswith("| ")]
        checks = [float(row[4]) for row in rows[1:] if row[4].strip()]
        assert len(checks) >= 3
        # Other random numbers, eight steps from the same weights.
        assert max(checks) - min(checks) < 5
