"""The gallery of the collection: what is measured of a model, its page and its figure."""

import math

import pytest
import torch
from torch.distributions import Normal

from benchmarks.collection.__main__ import measured
from benchmarks.collection.models import MODELS
from benchmarks.collection.page import constant, draw, page
from benchmarks.collection.parts import LATENTS, begin_scales
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
    text = page(rows, data="noise", epochs=1, samples=2, constants=[1.5, 2.5])
    assert "log p(x) = 1.5, and 2.5 with a scale for each pixel" in text
    assert (
        f"| AE | {rows['AE']['parts']} | – [1] | – | {rows['AE']['reconstruction']:.1f} |" in text
    )
    assert f"[1] {rows['AE']['undefined']}" in text
    for _, images in found.values():
        assert {key: x.shape for key, x in images.items()} == {
            "reconstructions": (12, 1, 28, 20),
            "samples": (12, 1, 28, 20),
        }
    shown = torch.zeros(12, 1, 28, 20).numpy()
    panels = draw({name: images for name, (_, images) in found.items()}, shown).axes
    assert [panel.get_title(loc="left") for panel in panels if panel.images] == [
        "images",
        "images",
        "AE",
        "VQ-VAE",
        "VAE",
    ]


def test_the_density_without_a_model():
    x = torch.tensor([[0.0, 1.0], [2.0, 5.0]]).reshape(2, 1, 1, 2)
    # Deviations from the means (1, 3) are 1 and 2.
    each = [Normal(1.0, 1.0), Normal(3.0, 2.0)]
    expected = sum(float(p.log_prob(torch.tensor(0.0))) for p in each)
    assert constant(x, torch.zeros(3, 1, 1, 2), each=True) == pytest.approx(expected)
    one = [Normal(mean, 2.5**0.5) for mean in (1.0, 3.0)]
    expected = sum(float(p.log_prob(torch.tensor(0.0))) for p in one)
    assert constant(x, torch.zeros(3, 1, 1, 2), each=False) == pytest.approx(expected)


def test_scales_begin_where_the_mean_image_leaves_them():
    x = torch.rand(50, 1, 6, 5)
    model = MODELS["two stages"].make(x)
    begin_scales(model, x)
    _, scale = model.likelihood.location_and_scale(torch.zeros(1, LATENTS))
    torch.testing.assert_close(scale, (x - x.mean(0)).square().mean().sqrt())


@pytest.mark.proof
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains(name):
    row, _ = made(name, 520)
    assert math.isfinite(row["reconstruction"])
