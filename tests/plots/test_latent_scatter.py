"""Codes as points."""

import numpy as np
import pytest
import torch
from fake_models import Fake, FakeHierarchy, batch
from figures import labels_of, pixels
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba

from pyrovae import plots
from pyrovae.plots.style import COLOURS


class TestLatentScatter:
    def points(self, figure):
        """Positions and colours, in the order of drawing."""
        drawn = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
        offsets = np.concatenate([np.asarray(c.get_offsets()) for c in drawn])
        return offsets, np.concatenate([c.get_facecolors()[:, :3] for c in drawn])

    def test_two_dimensions_are_drawn_as_they_are(self):
        model, x = Fake(), batch(30)
        labels = torch.arange(30) % 3
        figure = plots.latent_scatter(model, x, labels, label_names=["a", "b", "c"])
        offsets, colours = self.points(figure)
        codes = model.encode(x).numpy()
        found = [int(np.abs(codes - offset).sum(axis=1).argmin()) for offset in offsets]
        assert sorted(found) == list(range(30))
        np.testing.assert_allclose(offsets, codes[found], atol=1e-5)
        expected = np.array([to_rgba(COLOURS[i % 3])[:3] for i in found])
        np.testing.assert_allclose(colours, expected)
        axes = figure.axes[0]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("z1", "z2")
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]

    def test_one_dimension(self):
        model, x = Fake(latent=(1,)), batch(20)
        figure = plots.latent_scatter(model, x, torch.arange(20) % 2, label_names=["no", "yes"])
        offsets, _ = self.points(figure)
        codes = np.sort(model.encode(x)[:, 0].numpy())
        np.testing.assert_allclose(np.sort(offsets[:, 0]), codes, atol=1e-5)
        assert labels_of(figure.axes[0].get_yticklabels()) == ["no", "yes"]
        odd = np.sort(model.encode(x)[1::2, 0].numpy())
        np.testing.assert_allclose(np.sort(offsets[offsets[:, 1] > 0.5, 0]), odd, atol=1e-5)

    def test_pca_finds_the_directions_of_variance(self):
        model = Fake(latent=(4,))
        generator = torch.manual_seed(0)
        codes = torch.randn(500, 4, generator=generator) * torch.tensor([0.1, 3.0, 0.0, 1.0])
        figure = plots.latent_scatter(model, model.decode(codes).mean)
        offsets, _ = self.points(figure)
        assert offsets.std(axis=0) == pytest.approx([3.0, 1.0], rel=0.1)
        assert "(90% of the variance)" in figure.axes[0].get_xlabel()
        assert "(10% of the variance)" in figure.axes[0].get_ylabel()
        assert not figure.legends

    def test_tsne_keeps_clusters_and_repeats(self):
        model = Fake(latent=(3,))
        labels = torch.arange(20) % 2
        codes = torch.randn(20, 3, generator=torch.manual_seed(0)) + 20 * labels[:, None]
        x = model.decode(codes).mean
        figure = plots.latent_scatter(model, x, labels, method="tsne", seed=1)
        offsets, colours = self.points(figure)
        first = (colours == colours[0]).all(axis=1)
        within = np.ptp(offsets[first], axis=0).max()
        between = np.linalg.norm(offsets[first].mean(axis=0) - offsets[~first].mean(axis=0))
        assert between > within / 2
        again, _ = self.points(plots.latent_scatter(model, x, labels, method="tsne", seed=1))
        np.testing.assert_array_equal(offsets, again)
        assert "t-SNE" in figure.axes[0].get_title(loc="left")

    def test_tsne_is_cut(self, monkeypatch):
        monkeypatch.setattr("pyrovae.plots.scatter.MOST_TSNE_POINTS", 10)
        model, x = Fake(latent=(3,)), batch(15)
        figure = plots.latent_scatter(model, x, torch.arange(15), method="tsne")
        assert "the first 10 of 15 data" in figure.axes[0].get_title(loc="left")
        assert len(self.points(figure)[0]) == 10
        assert len(figure.legends[0].get_texts()) == 10

    def test_more_labels_than_colours_get_other_markers(self):
        figure = plots.latent_scatter(Fake(), batch(24), torch.arange(24) % 12)
        handles = figure.legends[0].legend_handles
        looks = {(handle.get_color(), handle.get_marker()) for handle in handles}
        assert len(looks) == 12
        assert len(self.points(figure)[0]) == 24

    def test_several_latents(self):
        model, x = FakeHierarchy(), batch(6)
        figure = plots.latent_scatter(model, x, site="z2")
        offsets, _ = self.points(figure)
        expected = model.encode(x)["z2"].numpy()
        np.testing.assert_allclose(np.sort(offsets, axis=0), np.sort(expected, axis=0), atol=1e-5)
        assert figure.axes[0].get_xlabel() == "z2[0]"
        with pytest.raises(ValueError, match=r"site: expected one of \['z1', 'z2'\], got None"):
            plots.latent_scatter(model, x)

    def test_refuses_an_unknown_method(self):
        with pytest.raises(ValueError, match=r"one of \('pca', 'tsne'\), got 'umap'"):
            plots.latent_scatter(Fake(), batch(3), method="umap")

    @pytest.mark.parametrize("labels", [torch.zeros(4), torch.zeros(3, 1)])
    def test_refuses_labels_of_another_shape(self, labels):
        with pytest.raises(ValueError, match=r"labels: expected shape \(3,\), got"):
            plots.latent_scatter(Fake(), batch(3), labels)

    def test_refuses_fractions(self):
        with pytest.raises(ValueError, match="labels: expected whole numbers"):
            plots.latent_scatter(Fake(), batch(2), torch.tensor([0.5, 1.0]))

    def test_refuses_too_few_names(self):
        with pytest.raises(
            ValueError, match="label_names: expected a name .* 0 to 2, got 2 names"
        ):
            plots.latent_scatter(Fake(), batch(3), torch.arange(3), label_names=["a", "b"])

    @pytest.mark.parametrize("method", ["pca", "tsne"])
    def test_refuses_to_project_two_data(self, method):
        with pytest.raises(
            ValueError, match="at least 3 data for a projection to two dimensions, got 2"
        ):
            plots.latent_scatter(Fake(latent=(3,)), batch(2), method=method)

    @pytest.mark.parametrize("method", ["pca", "tsne"])
    def test_three_data_are_enough(self, method):
        pixels(plots.latent_scatter(Fake(latent=(3,)), batch(3), method=method))

    def test_refuses_undefined_codes(self):
        x = batch(3)
        x[1] = torch.nan
        with pytest.raises(
            ValueError, match="codes: expected finite numbers, got 1 of 3 that are not"
        ):
            plots.latent_scatter(Fake(), x)
