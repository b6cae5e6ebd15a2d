"""The comparison runs and writes its table and figure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPARE = Path(__file__).parent.parent / "benchmarks" / "compare.py"


@pytest.mark.parametrize(("what", "number"), [("priors", 5), ("objectives", 5), ("precisions", 2)])
def test_compare(what, number, tmp_path):
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
    assert len(rows) == number
    assert "S = 2" in page
    assert (tmp_path / "figures" / f"compare-{what}-digits.png").stat().st_size > 1000


def test_speed(tmp_path):
    # Contenders that compile nothing; that each does the same work is tested in tests/speed.
    only = "[torch-eager,pyrovae-eager,pythae]"
    page = tmp_path / "speed.md"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--quick", "true", "--only", only]
        + ["--settings", "cd", "--rounds", "1", "--seconds", "0.01", "--threads", "1"]
        + ["--root", tmp_path, "--out", page],
        capture_output=True,
        text=True,
        check=False,
        cwd=COMPARE.parent.parent,
    )
    assert done.returncode == 0, done.stderr
    assert "generated images, and (d) is left out" in done.stdout
    text = page.read_text()
    assert "on generated images" in text
    assert text.count("\n## (") == 1
    assert "(differs)" not in text
    section = text.split("\n## (c)")[1]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    values = {row[0][2:]: row[1] for row in rows}
    assert [*values] == ["PyTorch by hand", "pyrovae, eager", "pythae"]
    for name, value in values.items():
        if not (name == "pythae" and value.startswith("not installed")):
            assert float(value.replace(",", "")) > 0
