"""The plane of a two-dimensional latent, decoded."""

import numpy as np
import pytest
import torch
from fake_models import TABLE, Fake, FakeHierarchy
from figures import grid_of, labels_of, pixels, profiles, tile
from torch.distributions import Normal

from pyrovae import plots


class TestManifold:
    @pytest.mark.parametrize("declares", [True, False])
    def test_z1_to_the_right_and_z2_upwards(self, declares):
        model = Fake(declares=declares)
        grid = grid_of(plots.manifold(model, size=3, span=2.0))
        for row, z2 in enumerate([2.0, 0.0, -2.0]):
            for column, z1 in enumerate([-2.0, 0.0, 2.0]):
                code = model.encode(tile(grid, row, column)[None])[0]
                torch.testing.assert_close(code, torch.tensor([z1, z2]), atol=1e-4, rtol=0)

    def test_quantiles_of_a_normal(self):
        figure = plots.manifold(Fake(), size=4)
        expected = Normal(0.0, 1.0).icdf(torch.tensor([0.125, 0.375, 0.625, 0.875]))
        grid = grid_of(figure)
        drawn = [Fake().encode(tile(grid, 0, c)[None])[0, 0].item() for c in range(4)]
        np.testing.assert_allclose(drawn, expected, atol=1e-4)

    def test_labels(self):
        figure = plots.manifold(Fake(), size=3, span=1.5)
        pixels(figure)
        (axes,) = figure.axes
        assert labels_of(axes.get_xticklabels()) == ["−1.50", "0.00", "1.50"]
        assert labels_of(axes.get_yticklabels()) == ["1.50", "0.00", "−1.50"]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("z1", "z2")
        # Below the table, where its axis is.
        assert axes.get_xticklabels()[0].get_window_extent().y1 <= axes.get_window_extent().y0

    def test_many_values_are_not_all_labelled(self):
        texts = labels_of(plots.manifold(Fake()).axes[0].get_xticklabels())
        assert len(texts) == 20
        assert sum(map(bool, texts)) == 10

    def test_table(self):
        drawn = profiles(plots.manifold(Fake(TABLE), size=2, span=1.0))
        # Even features show z1, odd ones z2; the table begins with the largest z2.
        np.testing.assert_allclose(drawn[:, 0], [0, 1, 0, 1], atol=1e-5)
        np.testing.assert_allclose(drawn[:, 1], [1, 1, 0, 0], atol=1e-5)

    @pytest.mark.parametrize("declares", [True, False])
    def test_refuses_other_latents(self, declares):
        model = Fake(latent=(3,), declares=declares)
        with pytest.raises(ValueError, match=r"2 features, got 3 \(shape \(3,\)\)"):
            plots.manifold(model)

    def test_refuses_several_latents(self):
        with pytest.raises(ValueError, match=r"got the latents \['z1', 'z2'\]"):
            plots.manifold(FakeHierarchy())
