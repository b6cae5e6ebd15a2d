"""Writing checkpoints when they are due, and resuming from one."""

import os
import signal
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pyrovae import checkpoint as files
from pyrovae.checks import check_count
from pyrovae.component import Component
from pyrovae.datasets import Data
from pyrovae.datasets.fingerprint import check_fingerprint, fingerprint
from pyrovae.datasets.stream_epochs import StreamEpochs
from pyrovae.training.random_state import (
    check_random_state,
    random_state,
    seed_rank,
    set_random_state,
)
from pyrovae.training.signals import Interrupted, Signals
from pyrovae.training.state import TrainingState
from pyrovae.training.weights import tensors

__all__ = ["Checkpoints"]


class Checkpoints:
    """The checkpoint file of a run: when it is written, and what happens on a signal.

    As a context manager it records signals that ask training to end, see `Signals`. Without a path
    nothing is written, and signals have their usual effect.

    Args:
        path: The file, or None.
        training: The state to write.
        data: The data that the model is trained on.
        notes: Plain values to store in the file.
        minutes: Minutes after which a checkpoint is written within an epoch, or None.
        steps: Steps after which a checkpoint is written within an epoch, or None.

    Raises:
        ValueError: If minutes or steps are not positive.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        training: TrainingState,
        data: Data,
        *,
        notes: Mapping[str, Any] | None = None,
        minutes: float | None = None,
        steps: int | None = None,
    ) -> None:
        if minutes is not None and not (isinstance(minutes, int | float) and minutes > 0):
            raise ValueError(f"checkpoint_minutes: expected a positive number, got {minutes!r}")
        if steps is not None:
            check_count("checkpoint_steps", steps)
        self.path = path
        self.training = training
        self.notes = dict(notes or {})
        self.data, self._train = {} if path is None else fingerprint(data), data.train
        self._seconds = None if minutes is None else 60 * minutes
        self._steps = steps
        self._written_at, self._written_step = time.monotonic(), 0
        self._warned = self._all_due = False
        self._signal: signal.Signals | None = None  # the signal that all ranks have agreed on
        self._signals = Signals(active=path is not None)

    def __enter__(self) -> Self:
        self._signals.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._signals.__exit__(kind, error, traceback)
        if error is None:
            self.agree()
            self.obey_signal()  # e.g. one that came after the last check, during callbacks

    def read(self) -> None:
        """Restores training from the file.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is not a checkpoint of this training, or is of other data; the
                message names the file and the key.
        """
        ranks = self.training.ranks
        content = ranks.same(files.read(str(self.path)) if ranks.is_first else {})
        state = content.get("training")
        if state is None:
            raise ValueError(
                f"{self.path}: the file contains a model but no training state, so training "
                "cannot be resumed from it"
            )
        if not isinstance(state, Mapping):
            raise ValueError(f"{self.path}: training: expected a mapping, got {state!r:.60}")
        if "data" not in state:
            raise ValueError(f"{self.path}: training: 'data' is missing")
        try:
            check_fingerprint(self.data, state["data"])
        except ValueError as error:
            raise ValueError(f"{self.path}: data: {error}") from None
        try:
            self.training.load_state_dict(content["state_dict"], state)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None
        self._take_random(state.get("ranks"))
        if isinstance(self._train, StreamEpochs):
            self._take_place(self._train, state.get("stream"))
        self._written_step = self.training.step

    def write(self) -> None:
        """Writes the file, if there is a path."""
        if self.path is None:
            return
        ranks = self.training.ranks
        each = (
            {} if ranks.size == 1 else {"ranks": ranks.gather(random_state(self.training.device))}
        )
        if isinstance(self._train, StreamEpochs):
            each["stream"] = ranks.gather(self._train.state_dict())
        self._written_at, self._written_step = time.monotonic(), self.training.step
        if not ranks.is_first:
            return
        content = {
            "components": self._components(),
            "state_dict": tensors(self.training.model),
            "training": self.training.state_dict() | {"data": self.data} | each,
            "notes": self.notes,
        }
        files.write(self.path, content)

    def due(self) -> bool:
        """Whether to write a checkpoint within an epoch: its time has come, or training ends."""
        if self.training.ranks.size > 1:
            return self._all_due
        return self._due()

    def agree(self, said: Sequence[float] = ()) -> list[tuple[float, ...]]:
        """Shares between the ranks all signals, requests to stop and whether a checkpoint is due.

        Until this call, each rank goes on as if nothing had happened.

        Args:
            said: Further numbers that this rank shares.

        Returns:
            The further numbers of each rank.
        """
        training = self.training
        if training.ranks.size == 1:
            self._signal = self._signals.received
            return [tuple(said)]
        asked = training.asked is not None
        mine = (self._signals.received or 0, asked, training.ranks.is_first and self._due())
        rows = training.ranks.exchange([*mine, *said])
        number = max(int(row[0]) for row in rows)
        self._signal = signal.Signals(number) if number else None
        if any(row[1] for row in rows):
            reasons = training.ranks.gather(training.asked)
            training.history.stopped = next(reason for reason in reasons if reason is not None)
            training.asked = None
        self._all_due = training.stopped or bool(number) or any(row[2] for row in rows)
        return [row[len(mine) :] for row in rows]

    def _due(self) -> bool:
        if self.path is None:
            return False
        if self.training.stopped or self._signals.received is not None:
            return True
        if self._steps is not None and self.training.step - self._written_step >= self._steps:
            return True
        return self._seconds is not None and time.monotonic() - self._written_at >= self._seconds

    def obey_signal(self) -> None:
        """Ends training if a signal asked for it. The caller has written the checkpoint or will.

        Raises:
            Interrupted: If there was such a signal.
        """
        position = self.training.position
        alone = self.training.ranks.size == 1
        received = self._signals.received if alone else self._signal
        if received is None:
            return
        where = f"after step {position.steps} of epoch {position.epoch}"
        if not position.steps:
            where = f"after epoch {position.epoch - 1}"
        raise Interrupted(
            f"interrupted {where}; go on with "
            f"fit(..., checkpoint={str(Path(self.path or ''))!r}, resume=True)",
            received,
        )

    def _take_random(self, states: Any) -> None:
        """Restores this rank's random state, if the number of ranks is the same."""
        ranks, device = self.training.ranks, self.training.device
        before = len(states) if isinstance(states, list) else 1
        if before != ranks.size:
            if ranks.is_first:
                warnings.warn(
                    f"the checkpoint was written by {before} process(es) and is resumed by "
                    f"{ranks.size}: the draws will differ from those of an uninterrupted run",
                    stacklevel=4,
                )
            if ranks.rank:
                seed_rank(ranks.rank, device, after=self.training.step)
        elif ranks.size > 1:
            check_random_state(states[ranks.rank], device)
            set_random_state(states[ranks.rank], device)

    def _take_place(self, stream: StreamEpochs, places: Any) -> None:
        """Moves the stream to this rank's position, or to the common one if all read the same."""
        ranks = self.training.ranks
        if not isinstance(places, list) or not places:
            raise ValueError(
                f"{self.path}: stream: expected a position for each rank, got {places!r:.60}"
            )
        place = places[min(ranks.rank, len(places) - 1)]
        try:
            if stream.sharded and len(places) != ranks.size:
                place = {**places[0], "taken": 0}  # other shares: positions within them are void
            if place["seed"] is not None:  # None: no step had been taken
                stream.load_state_dict(place)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{self.path}: stream: {error} is missing") from None
        except ValueError as error:
            raise ValueError(f"{self.path}: stream: {error}") from None

    def _components(self) -> list[dict[str, Any]] | None:
        """Describes how the model is built, if it can be recorded; without it a file is usable."""
        model = self.training.model
        try:
            return files.describe(model) if isinstance(model, Component) else None
        except ValueError as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"the checkpoint will not record how its model is built: {error}", stacklevel=4
                )
            return None
