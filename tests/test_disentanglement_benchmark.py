"""The comparison of codes runs and writes its tables."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "disentanglement.py"


def test_it_writes_scores_terms_and_protocols(tmp_path):
    small = ["--epochs", "1", "--seeds", "[0]", "--hidden", "4", "--latents", "2", "--test", "60"]
    few = ["--scales", "2", "--rotations", "2", "--positions", "3", "--samples", "2"]
    done = subprocess.run(
        [sys.executable, SCRIPT, *small, *few] + ["--resamples", "2", "--out", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "disentanglement.md").read_text()
    assert page.count("| VAE (ELBO) |") == page.count("| beta-TC, 6 |") == 2
    assert "48 training and 60 test images" in page
    assert "one seed, 0.0" in page
    assert page.count("\n* ") == 7  # the protocols
    assert "20 bins of equal width" in page
