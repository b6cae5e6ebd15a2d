import shutil

import pytest
from command_line import quick

from pyrovae.cli import main


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
