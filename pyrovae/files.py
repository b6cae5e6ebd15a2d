"""Writing files so that a reader never meets half of one, and nothing is lost when power is."""

import errno
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["atomic", "check_writable", "remove_unfinished"]

# Host and process say whose an unfinished file is. The random part tells files of one process
# apart, and those of containers, which may be alike in both and share a disk.
UNFINISHED = re.compile(r"\.(?P<host>[^.]*)\.(?P<process>\d+)\.[0-9a-f]{8}\.unfinished")


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path beside ``path`` that takes its place once the block ends well.

    What was written is flushed to the disk before it is moved, and the move itself after it, so
    that a file is the old one or the new one, whole, even after a power failure. If the block
    raises, the temporary file is removed and ``path`` stays as it was. Those that killed
    processes of this machine left behind for the same path are removed, too.

    Args:
        path: Where the file will be. Missing parent folders are made.

    Raises:
        OSError: If it cannot be written; the file is named, and a full disk is called so.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_unfinished(target.parent, target.name)
    except OSError as error:
        raise _named(error, target) from error
    temporary = _unfinished(target)
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, target)
        _flush(target.parent)
    except OSError as error:
        raise _named(error, target) from error
    except RuntimeError as error:  # what torch makes of a disk that is full
        if shutil.disk_usage(target.parent).free < 2**20:
            raise _named(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), target) from error
        raise
    finally:
        with suppress(OSError):  # where nothing can be written, what went wrong has been said
            temporary.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Looks whether a file can be written, before the work is done that makes its content.

    Args:
        path: Where the file will be. Missing parent folders would be made.

    Raises:
        OSError: If it cannot; the file is named.
    """
    target = Path(path)
    folder = next(parent for parent in target.absolute().parents if parent.exists())
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # Writing is the only test that holds for every file system and user.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _named(error, target) from None


def remove_unfinished(folder: Path, name: str | None = None) -> None:
    """Removes the temporary files that killed processes of this machine left in a folder.

    Args:
        folder: The folder.
        name: Only those for a file of that name.
    """
    for file in folder.glob(".*.unfinished*"):
        found = UNFINISHED.search(file.name)
        if found is None or found["host"] != _host() or _runs(int(found["process"])):
            continue
        stem, suffix = file.name[1 : found.start()], file.name[found.end() :]
        if name is None or name == f"{stem}{suffix}":
            with suppress(OSError):  # another process may have been quicker
                file.unlink()


def _unfinished(target: Path) -> Path:
    owner = f"{_host()}.{os.getpid()}.{secrets.token_hex(4)}"
    # The suffix is kept last: writers such as matplotlib and NumPy choose the format by it.
    return target.with_name(f".{target.stem}.{owner}.unfinished{target.suffix}")


def _flush(path: Path) -> None:
    if os.name != "posix" and path.is_dir():
        return  # a folder cannot be opened there, nor need it be
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (
            errno.EINVAL,
            errno.ENOTSUP,
        ):  # a file system that has no such thing
            raise
    finally:
        os.close(descriptor)


def _named(error: OSError, target: Path) -> OSError:
    """The same error, of the file that was to be written and not of its temporary name."""
    if error.errno is None:
        return error
    return OSError(error.errno, error.strerror or os.strerror(error.errno), str(target))


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:64]


def _runs(process: int) -> bool:
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
