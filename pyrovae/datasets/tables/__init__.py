"""Tables: files and data frames whose columns differ in what they hold."""

from pyrovae.datasets.tables.frames import Frame, is_frame, is_table, read_frame
from pyrovae.datasets.tables.read import read_rows, read_table
from pyrovae.datasets.tables.write import as_frame, fill_frame

__all__ = [
    "Frame",
    "as_frame",
    "fill_frame",
    "is_frame",
    "is_table",
    "read_frame",
    "read_rows",
    "read_table",
]
