"""The folder where torch keeps compiled programs, found without loading its compiler."""

import getpass
import os
import re
import tempfile
from pathlib import Path

__all__ = ["cache_folder", "is_switched_off"]

UNSAFE = re.compile(r'[\\/:*?"<>|]')  # in a user's name, as part of a file's


def is_switched_off() -> bool:
    """Whether nothing is to be kept on disk (``TORCHINDUCTOR_FORCE_DISABLE_CACHES``)."""
    return os.environ.get("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "0") != "0"


def cache_folder() -> Path:
    """The folder (``TORCHINDUCTOR_CACHE_DIR``), which is made if it is not there.

    Raises:
        PermissionError: If it is another user's, who may have put anything there.
        OSError: If it cannot be made.
    """
    chosen = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    folder = Path(os.path.abspath(chosen or default_folder()))
    folder.mkdir(parents=True, exist_ok=True)
    if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is another user's")
    return folder


def default_folder() -> Path:
    """Where torch puts it unless told otherwise."""
    try:
        user = getpass.getuser()
    except (KeyError, ImportError, OSError):  # a container may run as a user without a name
        user = f"uid_{os.getuid()}"
    return Path(tempfile.gettempdir()) / f"torchinductor_{UNSAFE.sub('_', user)}"
