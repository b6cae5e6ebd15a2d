"""Saving and loading models, without ever running code from a file.

A file holds how each component was made (``class_path`` and ``init_args``, the command line's
format too), the state dict, and, if it was written while training, what training needs to go on.
"""

from pyrovae.checkpoint.describe import describe
from pyrovae.checkpoint.file import FORMAT, read, write
from pyrovae.checkpoint.model import load, save
from pyrovae.checkpoint.rebuild import rebuild

__all__ = ["FORMAT", "describe", "load", "read", "rebuild", "save", "write"]
