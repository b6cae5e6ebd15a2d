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


# What is left: nothing; room for a first checkpoint; for some files and no figure; ...
LEFT = [0, 4096, 20_000, 60_000, 120_000, 200_000, 300_000, 400_000, 600_000, 800_000]


@pytest.mark.parametrize(
    "leave", [pytest.param(n, marks=[] if n == 60_000 else pytest.mark.torture) for n in LEFT]
)
def test_a_full_disk_is_named_and_the_run_goes_on_once_there_is_room(leave, small_disk, capsys):
    run = small_disk / "run"
    fill(small_disk, leave=leave)
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
