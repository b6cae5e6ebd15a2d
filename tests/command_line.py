"""What the tests of the command line share."""

import csv
import os
import subprocess
import sys

import torch
from PIL import Image

from pyrovae.checkpoint import read, write
from pyrovae.files import atomic

FIGURES = {
    f"{name}.png"
    for name in (
        "training_curves",
        "reconstructions",
        "samples",
        "interpolation",
        "interpolation_spherical",
        "traversal",
        "latents",
        "latent_codes",
        "neighbours",
        "aggregated_posterior",
        "probability_integral",
    )
}


def small(*, latents=3):
    """Options of a small model."""
    networks = ["--encoder.hidden", "[16]", "--decoder.hidden", "[16]"]
    return [*networks, "--latent_features", str(latents)]


def quick(*, epochs=2, latents=3, samples=5):
    """Options of a run of a few seconds."""
    return [*small(latents=latents), "--epochs", str(epochs), "--samples", str(samples), "--quiet"]


def run(*arguments, **options):
    """The real entry point, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pyrovae", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        **options,
    )


def save_a_dot(figure, path):
    """Stands for ``save_figure``: to render figures takes longer than all else in a quick run."""
    assert figure.axes
    with atomic(path) as temporary:
        Image.new("L", (1, 1)).save(temporary)


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def same_weights(first, second):
    first, second = (read(path)["state_dict"] for path in (first, second))
    return first.keys() == second.keys() and all(
        torch.equal(tensor, second[name]) for name, tensor in first.items()
    )


def forge(checkpoint, **options):
    """Changes what a run's checkpoint says of how it was made, as somebody else could."""
    content = read(checkpoint)
    content["notes"]["options"] |= options
    write(checkpoint, content)
