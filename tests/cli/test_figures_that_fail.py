"""A figure that fails."""

import pytest
from command_line import save_a_dot
from tiny import binary_data, tiny_vae

from pyrovae import fit
from pyrovae.cli.figures import draw_figures
from pyrovae.datasets import Data


def test_a_figure_that_fails_costs_no_other(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("a part of somebody's own")

    monkeypatch.setattr("pyrovae.cli.figures.save_figure", save_a_dot)
    monkeypatch.setattr("pyrovae.plots.aggregated_posterior", fails)
    model, data = tiny_vae(), Data(binary_data())
    history = fit(model, data, epochs=1, progress=False, compile=False)
    with pytest.warns(UserWarning, match=r"aggregated_posterior.png could not be drawn: Runtime"):
        drawn = list(draw_figures(tmp_path, model, data, history))
    assert len(drawn) > 1
    with pytest.raises(RuntimeError, match="own"):
        list(draw_figures(tmp_path, model, data, history, only=["aggregated_posterior"]))
