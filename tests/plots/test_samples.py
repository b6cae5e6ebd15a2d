"""Draws from the model, alone and beside the data nearest to them."""

import pytest
import torch
from fake_models import IMAGE, RGB, TABLE, Fake, batch
from figures import grid_of, pixels, profiles, tile

from pyrovae import plots
from pyrovae.latent_space import nearest_neighbours


class TestSamples:
    def test_come_from_the_model_in_order(self):
        model = Fake()
        torch.manual_seed(5)
        grid = grid_of(plots.samples(model, n=7, columns=3))
        torch.manual_seed(5)
        expected = model.sample(7)
        for index in range(7):
            drawn = tile(grid, *divmod(index, 3))
            torch.testing.assert_close(drawn, expected[index].clamp(0, 1))

    def test_table_with_more_than_a_page(self):
        assert len(profiles(plots.samples(Fake(TABLE), n=70))) == 70

    def test_constant_and_undefined_data(self):
        class Broken(Fake):
            def sample(self, n):
                data = torch.zeros(n, *self.shape)
                data[0] = torch.nan
                return data

        for shape in (IMAGE, RGB, TABLE):
            pixels(plots.samples(Broken(shape), n=2))

    @pytest.mark.parametrize(("n", "columns", "named"), [(0, 8, "n"), (8, 0, "columns")])
    def test_refuses_no_samples(self, n, columns, named):
        with pytest.raises(ValueError, match=f"^{named}: expected an int of at least 1, got 0"):
            plots.samples(Fake(), n=n, columns=columns)


class TestNeighbours:
    def test_samples_beside_their_nearest_data(self):
        model, data = Fake(), batch(30)
        torch.manual_seed(5)
        figure = plots.neighbours(model, data, n=3, k=4)
        torch.manual_seed(5)
        samples = model.sample(3)
        found = nearest_neighbours(samples, data, k=4)
        grid = grid_of(figure)
        for row in range(3):
            torch.testing.assert_close(tile(grid, row, 0), samples[row].clamp(0, 1))
            for column in range(4):
                torch.testing.assert_close(tile(grid, row, column + 1), found.data[row, column])
        texts = [text.get_text() for text in figure.axes[0].texts if text.get_text()]
        assert texts == [f"{d:.2f}" for d in found.distances.flatten().tolist()]

    def test_a_model_that_knows_its_data_by_heart(self):
        class Memory(Fake):
            def sample(self, n):
                return batch(5)[torch.arange(n) % 5]

        figure = plots.neighbours(Memory(), batch(5), k=1, held_out=batch(9, seed=3))
        texts = {text.get_text() for text in figure.axes[0].texts if text.get_text()}
        assert texts == {"0.00"}
        note = figure.axes[0].get_xlabel()
        other = nearest_neighbours(batch(9, seed=3), batch(5)).distances.median()
        assert f"0.00 of 200 samples, {other:.2f} of 9 held-out data" in note
