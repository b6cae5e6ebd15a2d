"""Ways between the codes of two data."""

import numpy as np
import pytest
import torch
from fake_models import IMAGE, TABLE, Fake, FakeHierarchy, batch
from figures import grid_of, labels_of, pixels, tile
from matplotlib.patches import Rectangle

from pyrovae import plots
from pyrovae.latent_space import spherical


class TestInterpolation:
    def test_ends_are_the_originals_and_their_decoded_codes(self):
        model, start, end = Fake(), batch(3), batch(3, seed=1)
        figure = plots.interpolation(model, start, end, steps=4)
        grid = grid_of(figure)
        for row in range(3):
            torch.testing.assert_close(tile(grid, row, 0), start[row])
            torch.testing.assert_close(tile(grid, row, 1), model.reconstruct(start)[row])
            torch.testing.assert_close(tile(grid, row, 4), model.reconstruct(end)[row])
            torch.testing.assert_close(tile(grid, row, 5), end[row])
            # This decoder is linear: so are its pictures along the line.
            middle = torch.lerp(tile(grid, row, 1), tile(grid, row, 4), 1 / 3)
            torch.testing.assert_close(tile(grid, row, 2), middle)
        names = labels_of(figure.axes[0].get_xticklabels())
        assert names == ["start", "0.00", "0.33", "0.67", "1.00", "end"]

    def test_the_originals_are_framed(self):
        figure = plots.interpolation(Fake(), batch(1), batch(1, seed=1), steps=3)
        frames = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
        assert [frame.get_x() for frame in frames] == [-0.5, 4 * 7 - 0.5]

    @pytest.mark.parametrize("declares", [True, False])
    @pytest.mark.parametrize("shape", [IMAGE, TABLE, (4, 6)])
    def test_a_single_pair(self, shape, declares):
        model, x = Fake(shape, declares=declares), batch(2, shape)
        torch.manual_seed(0)
        state = torch.get_rng_state()
        single = pixels(plots.interpolation(model, x[0], x[1]))
        assert torch.equal(torch.get_rng_state(), state)
        np.testing.assert_array_equal(single, pixels(plots.interpolation(model, x[:1], x[1:])))

    def test_several_latents(self):
        model, start, end = FakeHierarchy(), batch(1), batch(1, seed=1)
        both = grid_of(plots.interpolation(model, start, end, steps=3))
        torch.testing.assert_close(tile(both, 0, 3), model.reconstruct(end)[0])
        only = tile(grid_of(plots.interpolation(model, start, end, steps=3, site="z2")), 0, 3)
        even, odd = only.flatten()[0::2], only.flatten()[1::2]
        torch.testing.assert_close(even, model.reconstruct(start).flatten()[0::2])
        torch.testing.assert_close(odd, model.reconstruct(end).flatten()[1::2])
        with pytest.raises(ValueError, match=r"site: expected one of \['z1', 'z2'\], got 'z3'"):
            plots.interpolation(model, start, end, site="z3")

    def test_refuses_different_shapes(self):
        with pytest.raises(ValueError, match=r"got \(2, 1, 4, 6\) and \(3, 1, 4, 6\)"):
            plots.interpolation(Fake(), batch(2), batch(3))

    def test_refuses_one_step(self):
        with pytest.raises(ValueError, match="steps: expected an int of at least 2, got 1"):
            plots.interpolation(Fake(), batch(1), batch(1), steps=1)

    def test_the_way_is_a_great_circle_on_demand(self):
        model, start, end = Fake(), batch(2), batch(2, seed=1)
        grid = grid_of(plots.interpolation(model, start, end, steps=3, path="spherical"))
        middle = spherical(model.encode(start), model.encode(end), torch.tensor([0.5]))
        for row in range(2):
            drawn = model.encode(tile(grid, row, 2)[None])[0]
            torch.testing.assert_close(drawn, middle[row, 0], atol=1e-4, rtol=0)
            torch.testing.assert_close(tile(grid, row, 3), model.reconstruct(end)[row])

    def test_refuses_an_unknown_path(self):
        with pytest.raises(ValueError, match=r"path: expected one of \('straight', 'spherical', "):
            plots.interpolation(Fake(), batch(1), batch(1), path="round")
