"""Labelled data in batches of their own."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pyrovae.datasets.splits import Split, SplitOf, check_batch_size
from pyrovae.labels import UNLABELLED

__all__ = ["LabelledApart"]

Batch = tuple[Tensor, ...]


class LabelledApart(SplitOf):
    """The same data, with labelled and unlabelled ones in batches of their own while training.

    In a pass in random order a batch holds labelled data alone or unlabelled data alone: each
    kind waits until there are enough of it for a batch, so that the labelled batches come evenly
    between the others, and what is left of either makes a smaller batch at the end. A labelled
    batch then has a step of the optimizer to itself, as in Pyro's tutorial on the semi-supervised
    VAE, where mixed batches make one of both. Each datum is still read once a pass::

        data = load_data("mnist").with_labels(labelled=3000)
        data = replace(data, train=LabelledApart(data.train))       # dataclasses.replace

    In their own order (``shuffle=False``) the data are read as they were.

    Args:
        split: Data whose batches end with labels, -1 where there is none, as
            ``with_labels(labelled=...)`` makes them.

    Raises:
        ValueError: If the batches do not end with labels.
    """

    def __init__(self, split: Split) -> None:
        super().__init__(split)
        *_, y = split.take(1)
        if y.shape != (1,) or y.is_floating_point() or y.dtype == torch.bool:
            raise ValueError(
                "split: expected batches that end with labels, integers of shape (batch,), as "
                f"data.with_labels(labelled=...) makes them, got {y.dtype} of shape "
                f"{tuple(y.shape)}"
            )

    def batches(
        self, batch_size: int, *, shuffle: bool = False, device: torch.device | str = "cpu"
    ) -> Iterator[Batch]:
        """Goes once through the data; see `Split.batches`."""
        check_batch_size(batch_size)
        read = self.split.batches(batch_size, shuffle=shuffle, device=device)
        return _apart(read, batch_size) if shuffle else read


def _apart(read: Iterator[Batch], batch_size: int) -> Iterator[Batch]:
    waiting: list[Batch | None] = [None, None]
    for batch in read:
        labelled = batch[-1] != UNLABELLED
        for kind, mask in enumerate((~labelled, labelled)):
            pool = _joined(waiting[kind], tuple(t[mask] for t in batch))
            while len(pool[0]) >= batch_size:
                yield tuple(t[:batch_size] for t in pool)
                pool = tuple(t[batch_size:] for t in pool)
            waiting[kind] = pool
    yield from (pool for pool in waiting if pool is not None and len(pool[0]))


def _joined(first: Batch | None, second: Batch) -> Batch:
    if first is None:
        return second
    return tuple(torch.cat(pair) for pair in zip(first, second, strict=True))
