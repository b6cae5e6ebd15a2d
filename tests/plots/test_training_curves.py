"""The rows of a history as curves."""

import numpy as np
import pytest
from figures import HISTORY, pixels

from pyrovae import plots


class TestTrainingCurves:
    def curves(self, figure):
        return {
            line.get_label(): line.get_xydata()
            for axes in figure.axes
            for line in axes.get_lines()
        }

    def test_signs_and_values(self):
        figure = plots.training_curves(HISTORY)
        assert len(figure.axes) == 2
        curves = self.curves(figure)
        epochs = np.arange(1, 31)
        bound = curves["validation −ELBO"]
        np.testing.assert_allclose(bound, np.stack([epochs, 103 + 50 / epochs], axis=1))
        np.testing.assert_allclose(curves["training objective"][:, 1], 100 + 50 / epochs)
        np.testing.assert_allclose(curves["KL(q(z|x) ‖ p(z))"][:, 1], 23.0)
        reconstruction = curves["−log p(x|z) (reconstruction)"]
        np.testing.assert_allclose(reconstruction[:, 1], 80 + 50 / epochs)
        assert {axes.get_ylabel() for axes in figure.axes} == {"nats per datum"}
        assert {axes.get_xlabel() for axes in figure.axes} == {"epoch"}

    def test_one_row_has_markers(self):
        figure = plots.training_curves(HISTORY[:1])
        lines = [line for axes in figure.axes for line in axes.get_lines()]
        assert len(lines) == 4
        assert all(line.get_marker() == "o" for line in lines)
        pixels(figure)

    def test_loss_alone(self):
        figure = plots.training_curves([{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0}])
        (axes,) = figure.axes
        assert axes.get_title(loc="left") == "Training objective"

    def test_weighted_objective_is_not_compared(self):
        rows = [{**row, "beta": min(1.0, row["epoch"] / 10)} for row in HISTORY]
        figure = plots.training_curves(rows)
        assert [len(axes.get_lines()) for axes in figure.axes] == [1, 1, 2]

    def test_validation_in_some_epochs_only(self):
        rows = [{"epoch": 1, "loss": 5.0}, {"epoch": 2, "loss": float("nan")}]
        rows += [{"epoch": 3, "loss": 3.0, "validation_elbo": -4.0, "validation_kl": None}]
        curves = self.curves(plots.training_curves(rows))
        assert curves["validation −ELBO"].tolist() == [[3.0, 4.0]]
        assert np.isnan(curves["training objective"][1, 1])
        assert len(curves) == 2

    def test_refuses_no_rows(self):
        with pytest.raises(ValueError, match="at least one row, got none"):
            plots.training_curves([])

    def test_refuses_rows_without_loss(self):
        with pytest.raises(ValueError, match=r"'loss', got \['epoch'\] in row 1"):
            plots.training_curves([{"epoch": 1, "loss": 2.0}, {"epoch": 2}])

    def test_many_epochs(self):
        rows = [{"epoch": i, "loss": i % 7, "validation_elbo": -(i % 11)} for i in range(100_000)]
        figure = plots.training_curves(rows)
        assert pixels(figure).std() > 0  # drawn without a warning that it is slow
