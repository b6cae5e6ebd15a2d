import pytest
from command_line import quick, save_a_dot

from pyrovae.cli import main


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def dots(monkeypatch):
    """Figures are drawn and a dot is written, where they are not what is tried."""
    monkeypatch.setattr("pyrovae.cli.figures.save_figure", save_a_dot)


@pytest.fixture(scope="session")
def trained():
    """Trains a run in a folder."""

    def train(folder):
        assert main(["train", *quick(epochs=2, samples=2), "--out", str(folder)]) == 0

    return train
