"""One feature of a code at a time."""

import pytest
import torch
from fake_models import IMAGE, Fake, FakeHierarchy, batch
from figures import grid_of, labels_of, tile

from pyrovae import plots


class TestTraversal:
    def test_varies_one_dimension_a_row(self):
        model = Fake(latent=(4,))
        x = batch(6)
        figure = plots.traversal(model, x, dimensions=[2, 0], steps=5, span=2.0)
        grid = grid_of(figure)
        code = model.encode(x)[0]
        for row, dimension in enumerate([2, 0]):
            for column, value in enumerate([-2.0, -1.0, 0.0, 1.0, 2.0]):
                drawn = model.encode(tile(grid, row, column)[None])[0]
                expected = code.clone()
                expected[dimension] = value
                torch.testing.assert_close(drawn, expected, atol=1e-4, rtol=0)
        axes = figure.axes[0]
        assert labels_of(axes.get_yticklabels()) == ["z[2]", "z[0]"]
        assert labels_of(axes.get_xticklabels()) == ["−2", "−1", "0", "1", "2"]

    def test_default_rows_are_the_most_variable_dimensions(self):
        scales = torch.linspace(0.01, 0.1, 12)[torch.randperm(12, generator=torch.manual_seed(0))]
        x = torch.full((40, *IMAGE), 0.5)
        x.flatten(1)[:, :12] += torch.randn(40, 12).sign() * scales
        figure = plots.traversal(Fake(latent=(12,)), x)
        order = scales.argsort(descending=True)[:10].tolist()
        assert labels_of(figure.axes[0].get_yticklabels()) == [f"z[{i}]" for i in order]

    def test_one_datum_is_enough(self):
        assert len(plots.traversal(Fake(), batch(1)).axes[0].get_yticks()) == 2

    def test_latents_with_several_axes(self):
        model, x = Fake(latent=(2, 2)), batch(2)
        grid = grid_of(plots.traversal(model, x, dimensions=[3], steps=2, span=1.0))
        code = model.encode(tile(grid, 0, 1)[None])[0]
        torch.testing.assert_close(code[1, 1].item(), 1.0, atol=1e-4, rtol=0)
        torch.testing.assert_close(code[0], model.encode(x)[0, 0])

    def test_several_latents(self):
        model, x = FakeHierarchy(), batch(3)
        grid = grid_of(plots.traversal(model, x, site="z2", dimensions=[0], steps=2, span=1.0))
        codes = model.encode(tile(grid, 0, 0)[None])
        torch.testing.assert_close(codes["z1"], model.encode(x)["z1"][:1])
        torch.testing.assert_close(codes["z2"][0, 0].item(), -1.0, atol=1e-4, rtol=0)
        with pytest.raises(ValueError, match=r"site: expected one of \['z1', 'z2'\], got None"):
            plots.traversal(model, x)

    def test_refuses_a_site_that_is_not_there(self):
        with pytest.raises(ValueError, match="one latent, got 'z7'"):
            plots.traversal(Fake(), batch(1), site="z7")

    @pytest.mark.parametrize("dimensions", [[], [2], [-1]])
    def test_refuses_unknown_dimensions(self, dimensions):
        with pytest.raises(ValueError, match="dimensions: expected some of 0 to 1, got"):
            plots.traversal(Fake(), batch(1), dimensions=dimensions)

    @pytest.mark.parametrize("span", [0.0, -1.0, float("inf"), float("nan")])
    def test_refuses_bad_spans(self, span):
        with pytest.raises(ValueError, match="span: expected a positive, finite number, got"):
            plots.traversal(Fake(), batch(1), span=span)
