"""Data for training and evaluation: named splits, binarization protocols, and where data come from."""

from pyrovae.columns import Column
from pyrovae.datasets.batches import merge_last
from pyrovae.datasets.binarization import Binarization, binarize
from pyrovae.datasets.cells import load_cells
from pyrovae.datasets.data import Data
from pyrovae.datasets.keyed import keyed
from pyrovae.datasets.labelled_apart import LabelledApart
from pyrovae.datasets.load import load_data
from pyrovae.datasets.loader_split import LoaderSplit
from pyrovae.datasets.partition import split_tensors
from pyrovae.datasets.sources import Source, as_split
from pyrovae.datasets.sparse.split import SparseSplit
from pyrovae.datasets.splits import Split
from pyrovae.datasets.sprites import FactorSplit, sprites
from pyrovae.datasets.stream_split import StreamSplit
from pyrovae.datasets.tables import as_frame, fill_frame, read_rows
from pyrovae.datasets.tensor_split import TensorSplit

__all__ = [
    "Binarization",
    "Column",
    "Data",
    "FactorSplit",
    "LabelledApart",
    "LoaderSplit",
    "Source",
    "SparseSplit",
    "Split",
    "StreamSplit",
    "TensorSplit",
    "as_frame",
    "as_split",
    "binarize",
    "fill_frame",
    "keyed",
    "load_cells",
    "load_data",
    "merge_last",
    "read_rows",
    "split_tensors",
    "sprites",
]
