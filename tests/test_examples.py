"""Every example runs on small data, and is small itself."""

import runpy
import sys
from pathlib import Path

import pytest
from command_line import save_a_dot

from pyrovae.cli import main

EXAMPLES = Path(__file__).parent.parent / "examples"
ARGUMENTS = {
    "plain_svi.py": ["--epochs", "1"],
    "train_mnist.py": ["--data", "digits", "--epochs", "1", "--samples", "2", "--out", "run"],
    "vamp_prior.py": ["--epochs", "1", "--samples", "2"],
    "importance_weighted.py": ["--epochs", "1", "--samples", "2"],
    "discrete_latents.py": ["--epochs", "1", "--samples", "2"],
    "vq_vae.py": ["--epochs", "1", "--out", "run"],
    "custom_prior.py": ["--epochs", "1"],
    "custom_objective.py": ["--epochs", "1"],
    "hierarchical.py": ["--epochs", "1", "--samples", "2", "--hidden", "8"],
    "deep_hierarchy.py": [
        "--epochs",
        "1",
        "--samples",
        "2",
        "--channels",
        "[4,4]",
        "--layers",
        "[1,1]",
    ],
    "missing_data.py": ["--epochs", "1", "--samples", "2", "--out", "run"],
    "tables.py": ["--epochs", "1", "--out", "run"],
    "counts.py": ["--epochs", "1", "--cells", "120"],
    "modalities.py": ["--epochs", "1", "--samples", "2", "--hidden", "8"],
    "tokens.py": ["--epochs", "1", "--number", "160"],
    "conditional.py": ["--epochs", "1", "--samples", "2", "--out", "run"],
    "semi_supervised.py": ["--epochs", "1"],
    "stacked.py": ["--epochs", "1"],
    "quadrants.py": ["--epochs", "1"],
    "exact_posterior.py": ["--epochs", "1", "--draws", "4"],
    "inpainting.py": ["--epochs", "1", "--draws", "2", "--images", "2"],
    "semi_amortised.py": ["--epochs", "1", "--steps", "5", "--images", "5"],
    "autoencoder_vs_vae.py": ["--epochs", "1"],
    "faces.py": ["--epochs", "1"],
}


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(ARGUMENTS)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_example(name, tmp_path, monkeypatch, capsys):
    """In this process: the time that starting one takes is that of all else."""
    assert len((EXAMPLES / name).read_text().splitlines()) < 80
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *ARGUMENTS[name]])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    assert capsys.readouterr().out


def test_examples_classes_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", list(sys.path))  # which the command line adds to
    monkeypatch.setattr("pyrovae.cli.figures.save_figure", save_a_dot)
    own = ["--prior", "custom_prior.StudentPrior", "--prior.df", "5"]
    own += ["--objective", "custom_objective.DenoisingELBO"]
    options = ["--epochs", "1", "--samples", "2", "--quiet", "--out", str(tmp_path / "run")]
    try:
        assert main(["train", *own, *options]) == 0, capsys.readouterr().err
    finally:
        for name in ("custom_prior", "custom_objective"):
            sys.modules.pop(name, None)
    assert (tmp_path / "run/report.json").exists()
