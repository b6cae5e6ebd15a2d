"""The first of the data of a split."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from pyrovae.checks import check_count
from pyrovae.datasets.splits import Split

__all__ = ["First"]


class First(Split):
    """The first N data of another split, or all of them where there are fewer.

    They are read as they are needed.

    Args:
        split: The other one.
        n: Number of data.

    Raises:
        ValueError: If it is not positive.
    """

    def __init__(self, split: Split, n: int) -> None:
        check_count("n", n)
        super().__init__(
            length=None if split.length is None else min(n, split.length),
            shape=split.shape,
            labels=None if split.labels is None else split.labels[:n],
            attributes=None if split.attributes is None else split.attributes[:n],
            binarization=split.binarization,
        )
        self.split, self.n, self.sharded = split, n, split.sharded

    def batches(
        self, batch_size: int, *, shuffle: bool = False, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]]:
        """Goes once through the data; see `Split.batches`.

        Raises:
            ValueError: If they are to be shuffled, which would make others the first.
        """
        if shuffle:
            raise ValueError("the first data of a split have an order and cannot be shuffled")
        left = self.n
        for batch in self.split.batches(min(batch_size, left), device=device):
            yield tuple(value[:left] for value in batch)
            left -= len(batch[0])
            if left <= 0:
                return

    def read(
        self, chunks: Iterable[Tensor], *, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]] | None:
        """Reads data by their numbers; see `Split.read`."""
        return self.split.read(chunks, device=device)
