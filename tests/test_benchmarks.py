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
