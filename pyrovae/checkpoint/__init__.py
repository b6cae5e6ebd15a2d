"""Saving and loading models, without ever running code from a file.

A file holds how each component was made (``class_path`` and ``init_args``, the command line's
format too), the state dict, and, if it was written while training, what training needs to go on.
"""

from pyrovae.checkpoint.describe import describe
from pyrovae.checkpoint.digest import digest
from pyrovae.checkpoint.file import FORMAT, read, write
from pyrovae.checkpoint.folder import check_folder, read_folder, save_folder
from pyrovae.checkpoint.model import load, save, weights_in
from pyrovae.checkpoint.rebuild import rebuild

__all__ = [
    "FORMAT",
    "check_folder",
    "describe",
    "digest",
    "load",
    "read",
    "read_folder",
    "rebuild",
    "save",
    "save_folder",
    "weights_in",
    "write",
]
