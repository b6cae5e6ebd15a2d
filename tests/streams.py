"""Streams of data, of which tests train and evaluate."""

import torch
from torch.utils.data import IterableDataset, get_worker_info


def rows(data):
    return torch.rand(data, 4, generator=torch.Generator().manual_seed(1))


class Stream(IterableDataset):
    """Rows one after the other; workers divide them."""

    def __init__(self, x):
        self.x, self.read, self.told = x, 0, []

    def __iter__(self):
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for row in self.x[first::step]:
            self.read += 1
            yield row

    def set_epoch(self, epoch):
        self.told.append(epoch)


class Sized(Stream):
    """A stream that says how long it is."""

    def __len__(self):
        return len(self.x)


class Shuffled(Stream):
    """Draws its order as it goes, from torch's generator: a buffer of three rows."""

    def __iter__(self):
        buffer = []
        for row in super().__iter__():
            buffer.append(row)
            if len(buffer) == 3:
                yield buffer.pop(int(torch.randint(3, ())))
        yield from buffer


class Dicts(Stream):
    """Items by their keys, as webdataset and Hugging Face have them."""

    def __iter__(self):
        for i, row in enumerate(super().__iter__()):
            yield {"name": f"datum {i}", "image": row}
