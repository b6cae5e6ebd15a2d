"""A reader never meets half of a file."""

import errno
import multiprocessing
import os
import subprocess
import sys
import textwrap

import pytest
import torch

from pyrovae import checkpoint
from pyrovae.files import atomic, remove_unfinished


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


def _write_often(path, text):
    for _ in range(200):
        with atomic(path) as temporary:
            temporary.write_text(text * 1000)


def test_processes_that_write_one_file_leave_one_of_theirs_whole(tmp_path):
    path = tmp_path / "a.txt"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_often, args=(path, letter)) for letter in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert path.read_text() in {letter * 1000 for letter in "abc"}
    assert os.listdir(tmp_path) == ["a.txt"]


KILLED = """
    import os, signal, sys
    from pyrovae.files import atomic
    with atomic(sys.argv[1]) as temporary:
        temporary.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    paths = [tmp_path / "a.b.txt", tmp_path / "other.txt"]
    for path in paths:
        subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), str(path)], check=False)
    assert len(os.listdir(tmp_path)) == 2
    assert all("unfinished" in name for name in os.listdir(tmp_path))
    mine = tmp_path / ".a.b.unfinished.txt"  # a name that only looks like one
    mine.write_text("mine")
    with atomic(paths[0]) as temporary:
        temporary.write_text("whole")
        assert mine.exists()
        # One that is being written, by this process and for the same file, stays.
        remove_unfinished(tmp_path, "a.b.txt")
        assert temporary.exists()
    assert sorted(name[:7] for name in os.listdir(tmp_path)) == [".a.b.un", ".other.", "a.b.txt"]
    remove_unfinished(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [mine.name, "a.b.txt"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file/a\.txt"), atomic(tmp_path / "file" / "a.txt"):
        pass


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), args[-1] if args else None)


def test_a_full_disk_is_said_of_the_file_itself(tmp_path, monkeypatch):
    def write():
        with atomic(tmp_path / "a.txt"):
            full("temporary")

    with pytest.raises(OSError, match=r"No space left on device.*a\.txt") as caught:
        write()
    assert "unfinished" not in str(caught.value)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no disk of one's own can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=False)


def test_a_checkpoint_on_a_full_disk(small_disk):
    path = small_disk / "model.pt"
    small = {"components": None, "state_dict": {"a": torch.zeros(3)}}
    checkpoint.write(path, small)
    large = {"components": None, "state_dict": {"a": torch.zeros(10**6)}}
    with pytest.raises(OSError, match=r"No space left on device.*model\.pt"):
        checkpoint.write(path, large)
    assert checkpoint.read(path)["state_dict"]["a"].shape == (3,)
    assert os.listdir(small_disk) == ["model.pt"]
