"""One set of values in every form that data come in."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from pyrovae.datasets import Data, as_split


class Items(Dataset):
    """Items made of an index."""

    def __init__(self, make, size):
        self.make, self.size = make, size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return self.make(index)


def _rows(x):
    return Items(lambda i: x[i], len(x))


def _numpy_rows(x):
    return Items(lambda i: x[i].numpy(), len(x))


FORMS = {
    "tensor": lambda x: x,
    "array": lambda x: x.numpy(),
    "read-only array": lambda x: np.broadcast_to(x.numpy(), x.shape),
    "tuple": lambda x: (x, torch.arange(len(x))),
    "tensors": lambda x: TensorDataset(x, torch.arange(len(x))),
    "rows": _rows,
    "rows of arrays": _numpy_rows,
    "rows with a name": lambda x: Items(lambda i: (x[i], f"datum {i}"), len(x)),
    "loader": lambda x: DataLoader(_rows(x), batch_size=3),
    "loader of arrays": lambda x: DataLoader(_numpy_rows(x), batch_size=3),
    "loader of tensors": lambda x: DataLoader(TensorDataset(x), batch_size=3, drop_last=False),
    "data": lambda x: Data(train=x),
    "data of rows with a name": lambda x: Data(
        train=Items(lambda i: (x[i], f"datum {i}"), len(x))
    ),
    "split": lambda x: as_split(x),
}


def read(source):
    """All of x, as a program reads it that takes one tensor."""
    split = Data.of(source, fields=1).train
    batches = list(split.batches(5))
    assert all(len(batch) == 1 for batch in batches)
    return torch.cat([x for (x,) in batches])
