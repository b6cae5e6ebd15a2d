"""The published set-ups run on the real data, where these are at hand."""

import os
from pathlib import Path

import pytest

from pyrovae.cli import main

ROOT = Path(os.environ.get("PYROVAE_DATA", Path(__file__).parents[2] / "shared/data"))
MNIST = ["--data", "mnist", "--root", str(ROOT), "--validation", "0", "--quiet", "--samples", "1"]


@pytest.mark.skipif(not (ROOT / "MNIST/raw").exists(), reason=f"no MNIST in {ROOT}")
def test_tutorials_mlp_on_mnist_learns_within_an_epoch(tmp_path):
    network = ["--encoder.hidden", "[400]", "--decoder.hidden", "[400]"]
    softplus = ["--encoder.activation", "softplus", "--decoder.activation", "softplus"]
    options = ["--latent_features", "50", "--batch_size", "256", "--epochs", "1"]
    options += ["--binarization", "none"]
    out = tmp_path / "run"
    assert main(["train", *MNIST, *network, *softplus, *options, "--out", str(out)]) == 0
    import json

    report = json.loads((out / "report.json").read_text())
    # The tutorial's figure shows -155.8 after the first epoch; seeds differ by a few nats. Two
    # constant pixels' entropies would be -206: the marginal frequencies alone.
    assert -175 < report["elbo"] < -135
    assert report["data"] == 10000
