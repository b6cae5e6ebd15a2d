"""The gallery of the collection: what is measured of a model, its page and its figure."""

import math

import pytest
import torch

from benchmarks.collection.__main__ import measured
from benchmarks.collection.models import MODELS
from benchmarks.collection.page import draw, page
from pyrovae.datasets import Data


def made(name, n):
    images = torch.rand(n, 1, 28, 20, generator=torch.Generator().manual_seed(0))
    return measured(MODELS[name], Data(images, test=images[:14]), epochs=1, samples=2)


def test_rows_and_figure():
    names = ["AE", "VAE", "VQ-VAE"]
    found = {name: made(name, 40) for name in names}
    rows = {name: row for name, (row, _) in found.items()}
    # An autoencoder bounds nothing, whatever density was fitted to its codes.
    assert rows["AE"]["elbo"] is rows["AE"]["log_likelihood"] is None
    assert rows["VAE"]["log_likelihood"] > rows["VAE"]["elbo"]
    text = page(rows, data="noise", epochs=1, samples=2)
    assert (
        f"| AE | {rows['AE']['parts']} | – [1] | – | {rows['AE']['reconstruction']:.1f} |" in text
    )
    assert f"[1] {rows['AE']['undefined']}" in text
    for _, images in found.values():
        assert {key: x.shape for key, x in images.items()} == {
            "reconstructions": (12, 1, 28, 20),
            "samples": (12, 1, 28, 20),
        }
    panels = draw({name: images for name, (_, images) in found.items()}).axes
    assert [panel.get_title(loc="left") for panel in panels if panel.images] == [
        "AE",
        "VQ-VAE",
        "VAE",
    ]


@pytest.mark.proof
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains(name):
    row, _ = made(name, 520)
    assert math.isfinite(row["reconstruction"])
