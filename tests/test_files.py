"""A reader never meets half of a file."""

import os

import pytest

from pyrovae.files import atomic


def test_the_file_is_there_only_once_the_block_has_ended(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    with atomic(path) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
        assert not path.exists()
    assert path.read_text() == "whole"
    assert os.listdir(path.parent) == ["a.txt"]


def test_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic(str(path)) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_block_that_raises_before_it_writes_says_its_own_error(tmp_path):
    with pytest.raises(ValueError, match="mine"), atomic(tmp_path / "a.txt"):
        raise ValueError("mine")
    assert os.listdir(tmp_path) == []


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "a.txt"):
        pass


def test_names_without_a_suffix_and_with_several(tmp_path):
    for name in ("plain", "a.tar.gz", ".hidden"):
        with atomic(tmp_path / name) as temporary:
            temporary.write_text(name)
        assert (tmp_path / name).read_text() == name
    assert sorted(os.listdir(tmp_path)) == [".hidden", "a.tar.gz", "plain"]
