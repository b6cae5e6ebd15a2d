"""Data above what the model makes of them."""

import numpy as np
import pytest
import torch
from fake_models import IMAGE, RGB, TABLE, Fake, batch
from figures import grid_of, labels_of, profiles, tile

from pyrovae import plots


class TestReconstructions:
    @pytest.mark.parametrize("shape", [IMAGE, RGB], ids=["grey", "rgb"])
    def test_originals_above_reconstructions(self, shape):
        model, x = Fake(shape), batch(8, shape)
        figure = plots.reconstructions(model, x, columns=5)
        grid = grid_of(figure)
        for column in range(5):
            torch.testing.assert_close(tile(grid, 0, column, shape), x[column])
            expected = model.reconstruct(x)[column]
            torch.testing.assert_close(tile(grid, 1, column, shape), expected)
        assert grid.shape[1] == 5 * 7 - 1
        assert labels_of(figure.axes[0].get_yticklabels()) == ["original", "reconstruction"]
        assert figure.axes[0].get_xticks().tolist() == []

    def test_grey_is_gray_on_the_unit_interval_without_interpolation(self):
        (shown,) = plots.reconstructions(Fake(), batch(3)).axes[0].images
        assert shown.get_cmap().name == "gray"
        assert shown.get_clim() == (0, 1)
        assert shown.get_interpolation() == "nearest"

    def test_fewer_data_than_columns(self):
        grid = grid_of(plots.reconstructions(Fake(), batch(3)))
        assert grid.shape == (9, 3 * 7 - 1)

    def test_table(self):
        x = batch(3, TABLE)
        drawn = profiles(plots.reconstructions(Fake(TABLE, latent=(5,)), x))
        expected = ((x - x.min()) / (x.max() - x.min())).numpy()
        np.testing.assert_allclose(drawn, np.concatenate([expected, expected]), atol=1e-5)

    @pytest.mark.parametrize("shape", [(5,), (0, 1, 4, 6)])
    def test_refuses_what_is_no_batch(self, shape):
        with pytest.raises(ValueError, match=r"x: expected shape \(n, ...\) with n >= 1, got \("):
            plots.reconstructions(Fake(), torch.zeros(shape))
