"""The comparison of codes runs and writes its tables."""

import sys

from benchmarks.disentanglement import main
from pyrovae.cli import run


def test_it_writes_scores_terms_and_protocols(tmp_path, monkeypatch):
    small = ["--epochs", "1", "--seeds", "[0]", "--hidden", "4", "--latents", "2", "--test", "60"]
    few = ["--scales", "2", "--rotations", "2", "--positions", "3", "--samples", "2"]
    words = ["disentanglement", *small, *few, "--resamples", "2", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    run(main)
    page = (tmp_path / "disentanglement.md").read_text()
    assert page.count("| VAE (ELBO) |") == page.count("| beta-TC, 6 |") == 2
    assert "48 training and 60 test images" in page
    assert "one seed, 0.0" in page
    assert page.count("\n* ") == 7  # the protocols
    assert "20 bins of equal width" in page
