"""Run folders are taken before any work is done, one by one process at a time."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pyrovae.checkpoint import read
from pyrovae.cli.errors import UsageError
from pyrovae.files import remove_unfinished

__all__ = ["check_holds_run", "locked", "taken"]


@contextmanager
def taken(out: str | None, name: str, *, overwrite: bool) -> Iterator[Path]:
    """Makes a new run folder, and takes it away again where nothing is written to it.

    Args:
        out: The folder; if left out, the first of ``runs/name-1``, ``runs/name-2``, ... that
            does not exist yet.
        name: What to call it.
        overwrite: Whether a run may be there already.

    Raises:
        ValueError: If something else is there already, another process is at it, or the folder
            cannot be written.
    """
    made: list[Path] = []
    try:
        folder = _next(name, made) if out is None else _named(Path(out), made, overwrite)
        with locked(folder):
            # Looked at again: another process may have been here before the lock.
            if any(folder.iterdir()) and not overwrite:
                raise UsageError("--out", "a folder that no other run uses", str(folder))
            yield folder
    finally:
        for path in reversed(made):
            with suppress(OSError):  # not empty: it has become a run
                path.rmdir()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps a run folder for this process, as long as the block or the process lasts.

    Raises:
        ValueError: If another process has it.
    """
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{folder}: another process is training in this folder") from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(descriptor)


def check_holds_run(folder: Path) -> None:
    """Looks whether a folder holds a run.

    Raises:
        FileNotFoundError: If it does not.
    """
    if folder.is_file():
        instead = f"; name its folder, {folder.parent}" if folder.name == "checkpoint.pt" else ""
        raise FileNotFoundError(f"{folder}: expected a run folder, but it is a file{instead}")
    if not (folder / "checkpoint.pt").is_file():
        raise FileNotFoundError(f"{folder}: expected a run folder, but it has no checkpoint.pt")


def _next(name: str, made: list[Path]) -> Path:
    _make(Path("runs"), made)
    number = 1
    while True:
        folder = Path("runs") / f"{name}-{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise _not_writable(folder, error) from None
        else:
            made.append(folder)
            return folder


def _named(folder: Path, made: list[Path], overwrite: bool) -> Path:
    if not folder.exists():
        _make(folder, made)
        return folder
    if not folder.is_dir():
        raise ValueError(f"--out: expected a folder, but {folder} is a file")
    remove_unfinished(folder)  # all that is left where the first checkpoint was being written
    if any(folder.iterdir()):
        if not overwrite:
            raise ValueError(
                f"--out: {folder} is not empty; choose another folder, or replace the run in it "
                "with --overwrite"
            )
        _check_run(folder)
    try:
        # Writing is the only test that holds for every file system and user.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _not_writable(folder, error) from None
    return folder


def _check_run(folder: Path) -> None:
    """Raises where overwriting would delete what is not a run's."""
    checkpoint = folder / "checkpoint.pt"
    for path in (folder, folder / "figures"):
        if path.is_symlink():
            raise ValueError(f"--overwrite: {path} is a link, and links are not followed")
    try:
        read(checkpoint)
    except (OSError, ValueError):
        raise ValueError(f"--overwrite: expected a run, but {folder} holds none") from None


def _make(folder: Path, made: list[Path]) -> None:
    """Makes a folder and those above it, noting which are new."""
    above = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        for path in reversed(above):
            path.mkdir(exist_ok=path != folder or folder == Path("runs"))
            made.append(path)
    except OSError as error:
        raise _not_writable(folder, error) from None


def _not_writable(folder: Path, error: OSError) -> ValueError:
    return ValueError(
        f"--out: expected a folder that can be written, got {folder} ({error.strerror})"
    )
