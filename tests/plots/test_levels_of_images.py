"""Images are drawn from black to white in their own range, and the figure says which."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrovae import plots
from pyrovae.plots.levels import levels_of
from pyrovae.plots.tiles import draw_tiles


def images(low, high, n=4, shape=(1, 3, 5)):
    """Images whose smallest and largest values are given."""
    return torch.linspace(low, high, n * int(np.prod(shape))).reshape(n, *shape)


class Bounded:
    """A model of images in a range of its own."""

    latent_shape = (2,)
    data_shape = (1, 3, 5)

    def __init__(self, low, high):
        self.low, self.high = low, high

    def sample(self, n):
        return images(self.low, self.high, n)

    def reconstruct(self, x):
        return x

    def encode(self, x):
        return torch.zeros(len(x), 2)

    def decode(self, z):
        return torch.distributions.Normal(images(self.low, self.high, len(z)), 1.0)


@pytest.mark.parametrize(
    ("low", "high", "black", "white"),
    [
        (0.0, 1.0, 0, 1),
        (0.3, 0.5, 0, 1),
        (-0.1, 1.2, 0, 1),
        (-1.0, 1.0, -1, 1),
        (-1.3, 0.9, -1, 1),
        (0.0, 255.0, 0, 255),
        (-3.0, 17.0, -3, 17),
        (1e-3, 1e4, 1e-3, 1e4),
        (7.0, 7.0, 7, 7),
    ],
)
def test_levels(low, high, black, white):
    levels = levels_of(images(low, high))
    assert (levels.black, levels.white) == pytest.approx((black, white))
    assert (levels.note is None) == (low >= 0 and high <= 1)


@settings(max_examples=60, deadline=None)
@given(
    low=st.floats(-1e6, 1e6, width=32),
    length=st.floats(0, 1e6, width=32),
    shape=st.sampled_from([(3, 5), (1, 3, 5), (3, 3, 5)]),
)
def test_no_more_than_a_quarter_is_clipped_and_order_stays(low, length, shape):
    x = images(low, low + length, shape=shape)
    levels = levels_of(x)
    reach = 0.25 * (levels.white - levels.black)
    assert x.min() >= levels.black - reach
    assert x.max() <= levels.white + reach
    grid = plots.image_grid(x, columns=1, black=levels.black, white=levels.white)
    assert grid.min() >= 0
    assert grid.max() <= 1
    drawn = grid[:3, :5] if grid.ndim == 2 else grid[:3, :5, 0]
    assert (np.diff(drawn.reshape(-1)) >= 0).all()


def test_values_that_are_none_choose_nothing():
    x = images(-1.0, 1.0)
    x[0, 0, 0, 0], x[1, 0, 0, 0] = torch.nan, torch.inf
    assert levels_of(x)[:2] == (-1.0, 1.0)
    assert levels_of(torch.full((1, 1, 2, 2), torch.nan)).note is None


def test_a_grid_goes_from_black_to_white():
    x = torch.tensor([-1.0, 0.0, 1.0]).reshape(3, 1, 1, 1)
    grid = plots.image_grid(x, columns=3, black=-1.0, white=1.0)
    assert grid[0, ::2].tolist() == [0.0, 0.5, 1.0]


FIGURES = {
    "samples": lambda m, x: plots.samples(m, n=4),
    "reconstructions": lambda m, x: plots.reconstructions(m, x),
    "interpolation": lambda m, x: plots.interpolation(m, x[:2], x[2:]),
    "traversal": lambda m, x: plots.traversal(m, x),
    "manifold": lambda m, x: plots.manifold(m, size=3),
    "neighbours": lambda m, x: plots.neighbours(m, x, n=2, k=2, held_out=x),
    "attribute": lambda m, x: plots.attribute(m, x, torch.ones(2)),
    "comparison": lambda m, x: plots.compare_latent_spaces({"a": m}, x, size=3, n=3),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=list(FIGURES))
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)])
def test_every_figure_of_images_says_its_levels(draw, low, high):
    figure = draw(Bounded(low, high), images(low, high))
    tables = [axes for axes in figure.axes if axes.images]
    assert tables
    for axes in tables:
        # What is drawn is in the range of the screen, and reaches its darkest end.
        drawn = axes.images[0].get_array()
        assert (drawn.min(), drawn.max()) == (0, 1)
        note = " ".join(axes.get_xlabel().replace("\N{MINUS SIGN}", "-").split())
        assert ("black is" in note) == (low < 0 or high > 1)
        if "black is" in note:
            assert f"values from {low:.3g} to" in note
            assert f"black is {low:.3g}, white is" in note


def test_the_note_is_inside_the_figure():
    figure = draw_tiles(images(-1.0, 1.0), columns=2, title="A title")
    figure.savefig(io.BytesIO())  # which lays it out
    (axes,) = figure.axes
    box = axes.xaxis.label.get_window_extent()
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1
    assert box.y0 >= figure.bbox.y0
