"""A disk that is full: one line that names the file, and the last checkpoint stays whole."""

import os
import subprocess
from pathlib import Path

import pytest
from command_line import quick

from pyrovae.checkpoint import read
from pyrovae.cli import main


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes, where this user may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder, *, leave):
    """Leaves so many bytes free."""
    free = os.statvfs(folder)
    with (folder / "filler").open("wb") as file:
        file.write(bytes(max(0, free.f_bavail * free.f_frsize - leave)))


@pytest.fixture(scope="module")
def size(trained, tmp_path_factory):
    """Bytes that a run takes on a disk, each file in whole pages."""
    folder = tmp_path_factory.mktemp("size") / "run"
    trained(folder)
    page = os.sysconf("SC_PAGE_SIZE")
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(-(-path.stat().st_size // page) * page for path in files)


# The share of a whole run for which there is room: nothing; a checkpoint; files and no figures; ...
LEFT = [0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9]


# The ordinary suite fills the disk of a single file and of a checkpoint, in test_files.py.
@pytest.mark.torture
@pytest.mark.parametrize("leave", LEFT)
def test_a_full_disk_is_named_and_the_run_goes_on_once_there_is_room(
    leave, size, small_disk, capsys
):
    run = small_disk / "run"
    fill(small_disk, leave=int(leave * size))
    code = main(["train", *quick(), "--out", str(run)])
    said = capsys.readouterr().err
    assert code == 2, said
    assert said.count("\n") == 1
    assert "No space left on device" in said
    assert str(run) in said
    assert not list(run.glob(".*"))
    (small_disk / "filler").unlink()
    if (run / "checkpoint.pt").is_file():
        read(run / "checkpoint.pt")
        assert main(["resume", str(run), "--quiet"]) == 0
    else:
        assert main(["train", *quick(), "--out", str(run)]) == 0
    assert Path(run, "report.json").is_file()
