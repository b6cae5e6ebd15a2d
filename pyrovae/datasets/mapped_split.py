"""Data in a file that is mapped into memory."""

import copy
from collections.abc import Iterable, Iterator

import torch
from torch import Size, Tensor

from pyrovae.datasets.binarization import Binarization, binarize, draw_bits
from pyrovae.datasets.numpy_files import MappedArray
from pyrovae.datasets.splits import Split, check_batch_size, in_batches
from pyrovae.datasets.tensors import as_tensor
from pyrovae.datasets.values import as_images, to_float

__all__ = ["MappedSplit"]


class MappedSplit(Split):
    """Rows of a large ``.npy`` file, read from the disk batch by batch.

    Args:
        array: The file; its values have been looked at.
        index: Which of its rows: integers, ``(N,)``.
        shape: Of one datum, with channels first.
        binarization: ``none``, ``threshold`` or ``dynamic``, applied at each draw.
        signals: Whether three axes are those of signals.
    """

    def __init__(
        self,
        array: MappedArray,
        index: Tensor,
        *,
        shape: Size | tuple[int, ...],
        binarization: Binarization = "none",
        signals: bool = False,
    ) -> None:
        self.array, self.index, self.signals = array, index, signals
        self._counts = False
        super().__init__(length=len(index), shape=shape, binarization=binarization)

    def batches(
        self, batch_size: int, *, shuffle: bool = False, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]]:
        """Goes once through the data; see `Split.batches`."""
        check_batch_size(batch_size)
        return self.read(self._order(batch_size, shuffle), device=device)

    def as_counts(self) -> "MappedSplit":
        """The same data with 8-bit values as counts; see `Split.as_counts`."""
        split = copy.copy(self)
        split._counts = self.binarization == "none"
        return split

    def read(
        self, chunks: Iterable[Tensor], *, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]]:
        """Reads data by their numbers; see `Split.read`."""
        mapped, device = self.array.map(), torch.device(device)
        for chosen in chunks:
            rows = mapped[self.index[chosen].numpy()]
            values = as_images(as_tensor(rows, name="x"), signals=self.signals)
            x = to_float(values, counts=self._counts).to(device)
            yield (
                draw_bits(x) if self.binarization == "dynamic" else binarize(x, self.binarization),
            )

    def _order(self, batch_size: int, shuffle: bool) -> Iterator[Tensor]:
        return in_batches(len(self), batch_size, shuffle=shuffle)
