"""Images side by side in one array."""

import numpy as np
import pytest
import torch
from fake_models import IMAGE, RGB, batch
from figures import tile

from pyrovae import plots


class TestImageGrid:
    @pytest.mark.parametrize("shape", [IMAGE, RGB], ids=["grey", "rgb"])
    def test_tiles_in_reading_order_with_white_between(self, shape):
        images = batch(5, shape)
        grid = plots.image_grid(images, columns=3)
        assert grid.shape == (2 * 4 + 1, 3 * 6 + 2, *([3] if shape == RGB else []))
        for index in range(5):
            torch.testing.assert_close(tile(grid, *divmod(index, 3), shape), images[index])
        assert (grid[4] == 1).all()
        assert (grid[:, 6] == 1).all()
        assert (tile(grid, 1, 2, shape) == 1).all()

    def test_images_without_channel(self):
        images = batch(4, (4, 6))
        expected = plots.image_grid(images[:, None], columns=2)
        np.testing.assert_array_equal(plots.image_grid(images, columns=2), expected)

    def test_clips(self):
        grid = plots.image_grid(torch.tensor([-1.0, 2.0]).reshape(2, 1, 1, 1), columns=2)
        assert grid.tolist() == [[0.0, 1.0, 1.0]]

    def test_separators_grow_with_the_images(self):
        assert plots.image_grid(torch.zeros(2, 1, 84, 84), columns=2).shape == (84, 171)

    @pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 2, 4, 6), (0, 1, 4, 6), (2, 3, 0, 6)])
    def test_refuses_other_shapes(self, shape):
        with pytest.raises(ValueError, match=r"images: expected shape .* got \("):
            plots.image_grid(torch.zeros(shape), columns=2)

    @pytest.mark.parametrize("columns", [0, -1, 2.0, True])
    def test_refuses_bad_columns(self, columns):
        with pytest.raises(ValueError, match="columns: expected an int of at least 1, got"):
            plots.image_grid(batch(2), columns=columns)
