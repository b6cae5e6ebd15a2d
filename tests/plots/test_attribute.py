"""A vector added to codes."""

import pytest
import torch
from fake_models import Fake, FakeHierarchy, batch
from figures import grid_of, labels_of, tile

from pyrovae import plots


class TestAttribute:
    def test_the_vector_is_added_at_each_strength(self):
        model, x = Fake(), batch(3)
        vector = torch.tensor([0.5, -1.0])
        figure = plots.attribute(model, x, vector, strengths=[-1, 0, 2], name="smile")
        grid = grid_of(figure)
        codes = model.encode(x)
        for row in range(3):
            torch.testing.assert_close(tile(grid, row, 0), x[row])
            for column, strength in enumerate([-1, 0, 2], start=1):
                drawn = model.encode(tile(grid, row, column)[None])[0]
                expected = codes[row] + strength * vector
                torch.testing.assert_close(drawn, expected, atol=1e-4, rtol=0)
        axes = figure.axes[0]
        assert labels_of(axes.get_xticklabels()) == ["original", "−1", "0", "+2"]
        assert axes.get_title(loc="left") == "Smile, removed and added"

    def test_some_of_several_latents(self):
        model, x = FakeHierarchy(), batch(1)
        figure = plots.attribute(model, x, {"z2": torch.tensor([1.0, 0.0])}, strengths=[1])
        codes, moved = model.encode(x), model.encode(tile(grid_of(figure), 0, 1)[None])
        torch.testing.assert_close(moved["z1"], codes["z1"], atol=1e-4, rtol=0)
        expected = codes["z2"] + torch.tensor([1.0, 0.0])
        torch.testing.assert_close(moved["z2"], expected, atol=1e-4, rtol=0)

    @pytest.mark.parametrize(
        ("model", "vector", "said"),
        [
            (Fake(), torch.zeros(3), r"shape of a code, \(2,\), got \(3,\)"),
            (
                Fake(),
                {"z": torch.zeros(2)},
                r"a tensor for a model with one latent, got a dict of \['z'\]",
            ),
            (FakeHierarchy(), torch.zeros(2), r"some of \['z1', 'z2'\], got a tensor"),
            (FakeHierarchy(), {"z3": torch.zeros(2)}, r"got \['z3'\]"),
        ],
    )
    def test_refuses_a_vector_that_does_not_fit(self, model, vector, said):
        with pytest.raises(ValueError, match=f"vector: expected .*{said}"):
            plots.attribute(model, batch(1), vector)

    def test_refuses_no_strengths(self):
        with pytest.raises(ValueError, match="strengths: expected at least one number"):
            plots.attribute(Fake(), batch(1), torch.zeros(2), strengths=[])
