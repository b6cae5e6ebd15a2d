"""What every figure keeps: the page, the file, the model and the settings of matplotlib."""

import os
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
import torch
from fake_models import IMAGE, RGB, TABLE, Fake, batch
from figures import HISTORY, grid_of, pixels, tile
from matplotlib.figure import Figure
from PIL import Image

from pyrovae import plots


def settings():
    # Not dict(rcParams): reading "backend" resolves it, which imports pyplot.
    return dict(dict.items(mpl.rcParams))


FIGURES = {
    "training_curves": lambda m, x: plots.training_curves(HISTORY),
    "reconstructions": lambda m, x: plots.reconstructions(m, x),
    "samples": lambda m, x: plots.samples(m, n=10),
    "interpolation": lambda m, x: plots.interpolation(m, x[:3], x[3:6]),
    "traversal": lambda m, x: plots.traversal(m, x),
    "manifold": lambda m, x: plots.manifold(m, size=5),
    "latent_scatter": lambda m, x: plots.latent_scatter(m, x, torch.arange(len(x)) % 3),
    "latent_codes": lambda m, x: plots.latent_codes(m, x, n=3),
    "attribute": lambda m, x: plots.attribute(m, x[:3], torch.ones(2)),
    "neighbours": lambda m, x: plots.neighbours(m, x, n=3, k=4, held_out=x),
    "compare_latent_spaces": lambda m, x: plots.compare_latent_spaces(
        {"one": m, "other": m}, x, torch.arange(len(x)) % 3, size=4, n=5
    ),
}
#: Those that ask for programs.
PROGRAM_FIGURES = {
    "aggregated_posterior": lambda m, x: plots.aggregated_posterior(m, x),
    "probability_integral": lambda m, x: plots.probability_integral(
        m, x, torch.arange(len(x)) % 3
    ),
}


SHAPES = {"grey": IMAGE, "1d": TABLE, "2d": IMAGE[1:], "rgb": RGB}
# Images of any kind are drawn by the same few lines.
BY_ALL = ("reconstructions", "neighbours")
EACH = [
    pytest.param(
        name,
        shape,
        marks=[] if kind in ("grey", "1d") or name in BY_ALL else pytest.mark.proof,
        id=f"{name}-{kind}",
    )
    for name in FIGURES
    for kind, shape in SHAPES.items()
]


@pytest.mark.parametrize(("name", "shape"), EACH)
def test_every_figure_shows_something_and_changes_no_global_state(name, shape):
    before = settings()
    torch.manual_seed(3)
    figure = FIGURES[name](Fake(shape), batch(12, shape))
    assert isinstance(figure, Figure)
    drawn = pixels(figure)
    for axes in figure.axes:
        assert axes.get_title(loc="left")
        box = axes.get_window_extent()
        inside = drawn[
            drawn.shape[0] - int(box.y1) : drawn.shape[0] - int(box.y0), int(box.x0) : int(box.x1)
        ]
        assert len(np.unique(inside[..., :3].reshape(-1, 3), axis=0)) > 3
    assert settings() == before


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "training_curves"])
def test_a_file_has_the_size_of_the_figure(name, tmp_path):
    figure = FIGURES[name](Fake(), batch(12))
    path = tmp_path / "figure.png"
    figure.savefig(path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        inches = figure.get_size_inches()
        assert image.size == pytest.approx(inches * figure.dpi, abs=1)  # whole pixels


@pytest.mark.parametrize(
    "name",
    [
        "reconstructions",
        "samples",
        "interpolation",
        "traversal",
        "manifold",
        "latent_codes",
        "attribute",
        "neighbours",
        "compare_latent_spaces",
    ],
)
@pytest.mark.parametrize("shape", [IMAGE, TABLE], ids=["images", "profiles"])
def test_text_lies_within_the_page(name, shape):
    figure = FIGURES[name](Fake(shape), batch(12, shape))
    figure.draw_without_rendering()
    tight = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert tight.x0 > -0.01
    assert tight.y0 > -0.01
    assert tight.x1 < width + 0.01
    assert tight.y1 < height + 0.01


def test_import_leaves_pyplot_and_sklearn_alone():
    code = (
        "import sys; from matplotlib import rcParams; before = dict(dict.items(rcParams));"
        "import pyrovae.plots;"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "assert 'sklearn' not in sys.modules;"
        "assert dict(dict.items(rcParams)) == before"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_all_names_are_exported():
    assert all(callable(getattr(plots, name)) for name in plots.__all__)


@pytest.mark.parametrize("shape", [IMAGE, TABLE], ids=["images", "table"])
def test_a_real_model(shape):
    from pyrovae.likelihoods import BernoulliLikelihood
    from pyrovae.models import VAE
    from pyrovae.nn import MLP
    from pyrovae.posteriors import NormalPosterior
    from pyrovae.priors import NormalPrior

    torch.manual_seed(0)
    posterior = NormalPosterior(MLP(shape, [8], 4))
    model = VAE(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [8], shape)))
    model.train()
    x = batch(12, shape)
    for name, make in (FIGURES | PROGRAM_FIGURES).items():
        pixels(make(model, x))
        assert model.training, name
    pixels(plots.interpolation(model, x[0], x[1]))
    if shape == IMAGE:
        grid = grid_of(plots.reconstructions(model, x))
        torch.testing.assert_close(tile(grid, 1, 3), model.reconstruct(x)[3])
