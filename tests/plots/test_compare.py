"""The latent spaces of several models side by side."""

import numpy as np
import pytest
import torch
from fake_models import Fake, FakeHierarchy, batch
from figures import tile
from torch.distributions import Normal

from pyrovae import plots


class TestCompareLatentSpaces:
    class Tenfold(Fake):
        """An autoencoder whose codes are ten times as far from zero."""

        def encode(self, x):
            return 10 * super().encode(x)

        def decode(self, z):
            return super().decode(z / 10)

    def test_a_column_of_three_panels_for_each_model(self):
        models, x = {"narrow": Fake(), "wide": self.Tenfold()}, batch(20)
        figure = plots.compare_latent_spaces(models, x, torch.arange(20) % 4, size=3, n=6, seed=1)
        assert len(figure.axes) == 6
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert titles[0] == "narrow: codes of data"
        assert titles[3] == "wide: codes of data"
        z = torch.randn(6, 2, generator=torch.Generator().manual_seed(1))
        values = Normal(0.0, 1.0).icdf(torch.tensor([1 / 6, 1 / 2, 5 / 6]))
        for column, model in enumerate(models.values()):
            scatter, plane, samples = figure.axes[3 * column : 3 * column + 3]
            (points,) = scatter.collections
            drawn = np.sort(np.asarray(points.get_offsets()), axis=0)
            np.testing.assert_allclose(drawn, np.sort(model.encode(x), axis=0), atol=1e-5)
            corner = torch.as_tensor(np.array(plane.images[0].get_array()))[:4, :6]
            expected = model.decode(torch.stack([values[0], values[2]])[None]).mean[0, 0]
            torch.testing.assert_close(corner, expected.clamp(0, 1))
            grid = np.asarray(samples.images[0].get_array())
            torch.testing.assert_close(tile(grid, 0, 0), model.decode(z[:1]).mean[0].clamp(0, 1))
        texts = [text.get_text() for text in figure.legends[0].get_texts()]
        assert texts == ["0", "1", "2", "3", "95 % of\nN(0, I)"]

    def test_the_circle_holds_95_percent(self):
        figure = plots.compare_latent_spaces({"a": Fake()}, batch(5))
        (circle,) = figure.axes[0].patches
        # The squared norm of a draw in the plane is exponential with mean 2.
        assert np.exp(-(circle.radius**2) / 2) == pytest.approx(0.05, abs=1e-4)

    def test_refuses_other_latents(self):
        with pytest.raises(
            ValueError, match="compare_latent_spaces: expected a latent with 2 features, got 3"
        ):
            plots.compare_latent_spaces({"a": Fake(), "b": Fake(latent=(3,))}, batch(3))
        with pytest.raises(ValueError, match=r"got the latents \['z1', 'z2'\]"):
            plots.compare_latent_spaces({"a": FakeHierarchy()}, batch(3))
        with pytest.raises(ValueError, match="at least one model, got none"):
            plots.compare_latent_spaces({}, batch(3))
