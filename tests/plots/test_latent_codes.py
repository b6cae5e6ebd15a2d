"""Codes between data and reconstructions."""

import numpy as np
import pytest
import torch
from fake_models import IMAGE, TABLE, Fake, FakeHierarchy, batch
from figures import grid_of, labels_of, tile

from pyrovae import plots


class TestLatentCodes:
    def bars(self, figure):
        """Heights, upwards positive, of the bars in their order."""
        panels, bars = figure.axes[0].collections[-3:-1]
        assert len(panels.get_paths())
        return np.array([path.vertices[0, 1] - path.vertices[2, 1] for path in bars.get_paths()])

    @pytest.mark.parametrize("shape", [IMAGE, TABLE], ids=["images", "table"])
    def test_bars_are_the_codes(self, shape):
        model, x = Fake(shape, latent=(3,)), batch(5, shape)
        heights = self.bars(plots.latent_codes(model, x, n=4))
        codes = model.encode(x[:4]).flatten().numpy()
        np.testing.assert_allclose(heights / np.abs(heights).max(), codes / np.abs(codes).max())

    def test_original_to_the_left_and_reconstruction_to_the_right(self):
        model, x = Fake(), batch(2)
        figure = plots.latent_codes(model, x)
        grid = grid_of(figure)
        for row in range(2):
            torch.testing.assert_close(tile(grid, row, 0), x[row])
            torch.testing.assert_close(tile(grid, row, 4), model.reconstruct(x)[row])
        limit = f"{model.encode(x).abs().max():.2g}"
        texts = labels_of(figure.axes[0].get_xticklabels())
        assert texts == [
            "original",
            "",
            f"code: 2 features, −{limit} to {limit}",
            "",
            "reconstruction",
        ]

    def test_several_latents(self):
        model, x = FakeHierarchy(), batch(2)
        heights = self.bars(plots.latent_codes(model, x, site="z2"))
        codes = model.encode(x)["z2"].flatten().numpy()
        np.testing.assert_allclose(heights / np.abs(heights).max(), codes / np.abs(codes).max())
        with pytest.raises(ValueError, match="site: expected one of"):
            plots.latent_codes(model, x)
