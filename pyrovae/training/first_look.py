"""Checks the data that training reads, before a step is taken with them."""

import torch
from torch import Tensor

from pyrovae.datasets import Split, TensorSplit
from pyrovae.datasets.stream_epochs import StreamEpochs
from pyrovae.programs import Program
from pyrovae.support import BatchCheck

__all__ = ["FirstLook"]

Batch = tuple[Tensor, ...]
BATCHES_HELD = 10  # on an accelerator


class FirstLook:
    """Checks each batch of the first epoch before its step is taken; of a stream, every batch.

    Data in memory were checked before training; other data are known only when they are read. On
    an accelerator nothing waits for the check of a single batch: several batches are held and
    checked together.

    Args:
        model: The program.
        split: The training data.

    Raises:
        ValueError: When called, if the model cannot have generated the batch.
    """

    def __init__(self, model: Program, split: Split) -> None:
        self._check: BatchCheck | None = None
        if not isinstance(split, TensorSplit):
            self._check = BatchCheck(model)
        self._is_stream = isinstance(split, StreamEpochs)
        self._held: list[tuple[Batch, Tensor]] = []

    def __call__(self, batch: Batch) -> None:
        """Checks a batch, or holds it for a later check."""
        if self._check is None or not len(batch[0]):
            return
        if batch[0].device.type == "cpu":
            self._check(batch)
            return
        self._held.append((batch, self._check.faulty(batch)))
        if len(self._held) == BATCHES_HELD:
            self._look(self._check)

    def end(self) -> None:
        """Checks the batches that are still held at the end of an epoch.

        Later epochs read the same data and are not checked, except those of a stream.
        """
        if self._check is not None:
            self._look(self._check)
        if not self._is_stream:
            self._check = None

    def _look(self, check: BatchCheck) -> None:
        held, self._held = self._held, []
        if held and torch.stack([fault for _, fault in held]).any():
            for batch, _ in held:
                check(batch)
