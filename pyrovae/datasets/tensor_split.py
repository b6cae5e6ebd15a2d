"""Data that fit in memory: one tensor, kept on the device that asks for it."""

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyrovae.datasets.binarization import (
    Binarization,
    binarize,
    check_protocol,
    check_unit_interval,
    draw_bits,
)
from pyrovae.datasets.collate import field_name
from pyrovae.datasets.splits import Split, check_batch_size, in_batches
from pyrovae.datasets.tensors import as_tensor
from pyrovae.datasets.values import check_values, to_dtype, to_float

__all__ = ["OpenTensorSplit", "TensorSplit"]


class TensorSplit(Split):
    """Data in tensors, read by index.

    The tensors are moved to a device once, at the first call that asks for it, and the moved
    copy is kept: a batch then costs a gather and no transfer.

    Args:
        *tensors: x, of shape ``(N, *event)``: floating, uint8 (divided by 255), bool, or other
            integers (which keep their values); then anything else that belongs in a batch, each
            with N rows. Tensors or NumPy arrays.
        labels: The classes of the data: integers of shape ``(N,)``.
        attributes: Properties of the data: bool of shape ``(N, A)``.
        binarization: The protocol applied to x: ``threshold`` and ``static`` at once, so that
            ``tensors`` holds zeros and ones, ``dynamic`` at each draw.
        seed: The seed of the ``static`` draws.

    Attributes:
        tensors: The tensors of all N data as given, x floating.
        from_bytes: Whether x was of 8-bit values, which were divided by 255.

    Raises:
        ValueError: If there are no tensors or no data, the sizes differ, x holds something else
            than finite numbers, or binarization is asked for values outside [0, 1].
    """

    tensors: tuple[Tensor, ...]
    from_bytes = False
    _moved: tuple[Tensor, ...]

    def __init__(
        self,
        *tensors: Tensor | np.ndarray[Any, Any],
        labels: Tensor | None = None,
        attributes: Tensor | None = None,
        binarization: Binarization = "none",
        seed: int = 0,
    ) -> None:
        if not tensors:
            raise ValueError("expected at least one tensor, got none")
        check_protocol(binarization)
        x, *rest = (as_tensor(t, name=field_name(i)) for i, t in enumerate(tensors))
        check_values(x)
        sizes = [len(t) if t.dim() else 0 for t in (x, *rest)]
        if len(set(sizes)) > 1:
            raise ValueError(f"expected tensors with the same number of rows, got {sizes}")
        from_bytes = x.dtype == torch.uint8
        x = to_float(x)
        if binarization == "dynamic":
            check_unit_interval(x, binarization)  # here and not at each draw: it would synchronise
        elif binarization != "none":
            # On the CPU, so that a seed means the same data on every device.
            generator = torch.Generator().manual_seed(seed)
            x = binarize(x.cpu(), binarization, generator=generator).to(x.device)
        super().__init__(
            length=len(x),
            shape=x.shape[1:],
            labels=labels,
            attributes=attributes,
            binarization=binarization,
        )
        self.from_bytes = from_bytes
        self._keep(x, *rest)

    @classmethod
    def ready(
        cls,
        x: Tensor,
        *,
        labels: Tensor | None,
        attributes: Tensor | None,
        binarization: Binarization,
        from_bytes: bool = False,
    ) -> "TensorSplit":
        """Makes a split of values that are floating, checked and binarized already.

        Where data fill the memory there is none for doing so again.
        """
        split = cls.__new__(cls)
        Split.__init__(
            split,
            length=len(x),
            shape=x.shape[1:],
            labels=labels,
            attributes=attributes,
            binarization=binarization,
        )
        split.from_bytes = from_bytes
        split._keep(x)
        return split

    def batches(
        self, batch_size: int, *, shuffle: bool = False, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]]:
        """Goes once through the data; see `Split.batches`. Each batch is a copy."""
        check_batch_size(batch_size)
        tensors = self._on(device)
        return self._gather(tensors, self.order(batch_size, shuffle, tensors[0].device))

    def read(
        self, chunks: Iterable[Tensor], *, device: torch.device | str = "cpu"
    ) -> Iterator[tuple[Tensor, ...]]:
        """Reads data by their numbers; see `Split.read`."""
        return self._gather(self._on(device), chunks)

    def gather(self, index: Tensor) -> tuple[Tensor, ...]:
        """Reads the data of some numbers, on the device where the numbers are."""
        return next(self._gather(self._on(index.device), [index]))

    def on(self, device: torch.device | str) -> "TensorSplit":
        """The same data held on a device, whatever device somebody else asks this split for."""
        return self._with(*self._on(device))

    def as_counts(self) -> "TensorSplit":
        """The same data with 8-bit values as counts; see `Split.as_counts`."""
        if not self.from_bytes or self.binarization != "none":
            return self
        x, *rest = self.tensors
        split = self._with((255 * x).round(), *rest)
        split.from_bytes = False
        return split

    def cast(self, dtype: torch.dtype | None) -> "TensorSplit":
        """The same data, converted once and for all; see `Split.cast`."""
        return self._with(*to_dtype(self.tensors, dtype))

    def _append(self, rows: Tensor) -> "TensorSplit":
        return self._with(*self.tensors, rows.to(self.tensors[0].device))

    def _with(self, *tensors: Tensor) -> "TensorSplit":
        """The same split with other tensors, x being binarized and checked already."""
        split = copy.copy(self)
        split._keep(*tensors)
        return split

    def _keep(self, *tensors: Tensor) -> None:
        self.tensors = self._moved = tensors

    def _gather(
        self, tensors: tuple[Tensor, ...], chunks: Iterable[Tensor]
    ) -> Iterator[tuple[Tensor, ...]]:
        for chunk in chunks:
            index = chunk.to(tensors[0].device)
            x, *rest = (t.index_select(0, index) for t in tensors)
            yield (draw_bits(x) if self.binarization == "dynamic" else x, *rest)

    def order(self, batch_size: int, shuffle: bool, device: torch.device) -> Iterator[Tensor]:
        """The numbers of the data in each batch of a pass through them, on a device."""
        return in_batches(len(self), batch_size, shuffle=shuffle, device=device)

    def _on(self, device: torch.device | str) -> tuple[Tensor, ...]:
        # "cuda" and "cuda:0" are one device under two names; a tensor made there knows which.
        device = torch.empty((), device=device).device
        if all(t.device == device for t in self.tensors):
            return self.tensors
        if any(t.device != device for t in self._moved):
            self._moved = tuple(t.to(device) for t in self.tensors)
        return self._moved


class OpenTensorSplit(TensorSplit):
    """A TensorSplit that leaves to its reader how many tensors belong in a batch."""

    def leading(self, fields: int | None) -> TensorSplit:
        """The same data with as many tensors as a program takes."""
        return self._with(*self.tensors[:fields])
