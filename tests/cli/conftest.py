import shutil

import pytest
from command_line import quick, save_a_dot

from pyrovae.cli import main


@pytest.fixture
def rendered():
    """For a test that needs figures as they are: the others draw them and write a dot."""


@pytest.fixture(autouse=True)
def _dots(request, monkeypatch):
    if "rendered" not in request.fixturenames:
        monkeypatch.setattr("pyrovae.cli.figures.save_figure", save_a_dot)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run folder that the tests may read but not change; of grey levels."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    assert main(["train", *quick(), "--binarization", "none", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def copied(trained, tmp_path):
    """A run folder of a test's own."""
    return shutil.copytree(trained, tmp_path / "copied")


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path
