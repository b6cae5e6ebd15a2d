"""Streams in epochs of so many batches."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from pyrovae.datasets.shares import bounds, part
from pyrovae.datasets.splits import SplitOf
from pyrovae.datasets.stream_split import StreamSplit
from pyrovae.scope import kept_random_state

__all__ = ["StreamEpochs"]

Batch = tuple[Tensor, ...]
#: Increments of a counter whose values are far apart as seeds (Steele, Lea and Flood, 2014).
GOLDEN = 0x9E3779B97F4A7C15


class StreamEpochs(SplitOf):
    """A stream of which an epoch takes so many batches; the next one takes those that follow.

    Where the stream ends it begins again, within an epoch, too. What is drawn from torch's CPU
    generator while it is read comes from a generator of the stream's own, which each pass seeds
    anew: so ranks that read one stream read the same, and a pass can be begun again and gone
    through up to where it was. What is drawn from elsewhere (NumPy, Python's ``random``) is the
    stream's own affair.

    Args:
        split: The stream.
        steps: Batches in an epoch.
        batch_size: Data in a batch, of all ranks.
        rank: This rank.
        size: Number of ranks.

    Attributes:
        batch_size: Data in a full batch, of all ranks: a loader makes batches of its own size,
            which are a rank's share where the stream is sharded.
        seed: What the passes are seeded with; None before it was set.
        passes: The number of the pass under way, from 0 on.
        taken: How many of its batches were read.
    """

    split: StreamSplit

    def __init__(
        self, split: StreamSplit, *, steps: int, batch_size: int, rank: int = 0, size: int = 1
    ) -> None:
        super().__init__(split)
        own, parts = split.batch_size, size if split.sharded else 1
        if own is None and batch_size < parts:
            raise ValueError(
                f"batch_size: expected a datum for each of {parts} processes, got {batch_size}"
            )
        self.batch_size = batch_size if own is None else own * parts
        begin, end = bounds(batch_size, rank, size)
        self._own = end - begin if split.sharded else batch_size
        self.steps, self.length = steps, steps * self.batch_size
        self.seed: int | None = None
        self.passes = self.taken = 0
        self._rank, self._size = rank, size
        self._batches: Iterator[Batch] | None = None
        self._state: Tensor | None = None

    def batches(
        self, batch_size: int, *, shuffle: bool = False, device: torch.device | str = "cpu"
    ) -> Iterator[Batch]:
        """Goes once through the stream, to its end; see `Split.batches`."""
        return self.split.batches(batch_size, device=device)

    def shares(self, device: torch.device, *, least: int = 1) -> Iterator[Batch | None]:
        """Goes on with the stream without end.

        Args:
            device: Where the batches are to be.
            least: Batches of fewer data are left out.

        Yields:
            This rank's share of each batch; None where it has none.

        Raises:
            ValueError: If a whole pass gives no batch of so many data.
        """
        useful = True
        while True:
            batch = self._next(device)
            if batch is None:
                if not useful:
                    raise ValueError(
                        f"expected a batch of at least {least} data in a pass through the stream, "
                        "got none"
                    )
                self.passes, self.taken, useful = self.passes + 1, 0, False
                self._batches = None
            elif len(batch[0]) >= least:
                useful = True
                yield batch if self.sharded else part(batch, self._rank, self._size)

    def state_dict(self) -> dict[str, Any]:
        """Where in the stream training is, as plain numbers."""
        return {"seed": self.seed, "passes": self.passes, "taken": self.taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to a place: the pass begins again, and what was taken of it is passed over.

        Raises:
            ValueError: If the state is none.
        """
        for name in ("seed", "passes", "taken"):
            value = state[name]
            if type(value) is not int or value < 0:
                raise ValueError(f"{name}: expected a number of at least 0, got {value!r}")
        self.seed, self.passes = state["seed"], state["passes"]
        self.taken, self._batches = 0, None
        while self.taken < state["taken"]:
            if self._next(torch.device("cpu")) is None:
                raise ValueError(
                    f"taken: the stream ends after {self.taken} batches, of which "
                    f"{state['taken']} were taken: it is another one"
                )

    def _next(self, device: torch.device) -> Batch | None:
        """The next batch of the pass under way; None at its end."""
        with self._own_numbers():
            if self._batches is None:
                assert self.seed is not None
                torch.default_generator.manual_seed((self.seed + self.passes * GOLDEN) % 2**63)
                self.split.begin(self.passes)
                self._batches = self.split.batches(self._own, device=device)
            batch = next(self._batches, None)
        if batch is not None:
            self.taken += 1
        return batch

    @contextmanager
    def _own_numbers(self) -> Iterator[None]:
        """Lets a block draw from the stream's own generator, in the place of the CPU's."""
        with kept_random_state():
            if self._state is not None:
                torch.default_generator.set_state(self._state)
            yield
            self._state = torch.default_generator.get_state()
