"""The comparison on a GPU runs; `make cuda` runs all such tests."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.speed.__main__ import main


@pytest.mark.cuda
def test_speed_on_cuda(tmp_path):
    page = tmp_path / "speed_cuda.md"
    only = (
        "[torch-eager,torch-compiled,torch-captured,pyrovae-eager,pyrovae-compiled,pyrovae-step]"
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", "--quick", "true", "--device", "cuda"]
        + ["--settings", "acf", "--batches", "[16]", "--rounds", "1", "--seconds", "0.01"]
        + ["--root", tmp_path, "--out", page, "--only", only],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "failed" not in text
    assert "(differs)" not in text
    assert "driver" in text
    assert text.count("| floor of operations and bytes |") == text.count("\n## (")


def test_without_a_device_it_says_so(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ValueError, match="this machine has no CUDA device"):
        main(device="cuda", root=tmp_path)
