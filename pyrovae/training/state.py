"""The state of training: everything that a checkpoint holds."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from pyrovae.compilation import AutoCompiled
from pyrovae.programs import Program
from pyrovae.ranks import ALONE, Ranks
from pyrovae.training.averaging import WeightAverage
from pyrovae.training.early_stopping import EarlyStopping
from pyrovae.training.history import History
from pyrovae.training.hyperparameters import (
    hyperparameters,
    load_optimizer,
    load_scheduler,
    scheduler_state,
    take_new,
    take_new_schedule,
)
from pyrovae.training.player import Player
from pyrovae.training.position import Position
from pyrovae.training.random_state import check_random_state, random_state, set_random_state
from pyrovae.training.skips import Skips
from pyrovae.training.weights import check_fits, restore, snapshot

__all__ = ["SchedulerMoves", "TrainingState"]

SchedulerMoves = Literal["epoch", "step"]


class TrainingState:
    """A model in training, with everything needed to resume from a checkpoint.

    Args:
        model: The model to train.
        optimizer: Moves the model's parameters.
        device: The device of the model.
        step: Takes a step with a batch.
        stopping: Decides when to stop, and which weights are the best.
        average: A moving average of the weights.
        skips: Skips steps whose gradient is too large.
        ranks: The processes that train together, including this one.
        player: The adversary that the model is trained against.

    Attributes:
        ranks: The processes that train together; ``training.ranks.is_first`` says whether this one
            is to write files.
        given: The hyperparameters that the optimizer was made with.
        scheduler: Changes the learning rate, if there is a scheduler.
        scheduler_moves: Whether the scheduler moves after each epoch or after each step.
        history: The rows of the completed epochs.
        position: The epoch, and the steps taken in it.
        best: The weights of the best epoch, if early stopping keeps them.
    """

    def __init__(
        self,
        model: Program,
        optimizer: Optimizer,
        device: torch.device,
        *,
        step: AutoCompiled[Tensor],
        stopping: EarlyStopping | None = None,
        average: WeightAverage | None = None,
        skips: Skips | None = None,
        ranks: Ranks = ALONE,
        player: Player | None = None,
    ) -> None:
        self.ranks = ranks
        self.player = player
        self.asked: str | None = None
        self.model = model
        self.optimizer = optimizer
        self.device = device
        self.take_step = step
        self.given = hyperparameters(optimizer)
        self.schedule_by(None, moves="epoch")
        self.stopping = stopping
        self.average = average
        self.skips = skips
        self.history = History()
        self.position = Position(total=self._no_losses())
        self.best: dict[str, Tensor] | None = None
        self._began: float | None = None
        if average is not None:
            if not isinstance(average, WeightAverage):
                raise ValueError(f"average: expected a WeightAverage, got {average!r}")
            average.begin(model)

    def schedule_by(self, scheduler: LRScheduler | None, *, moves: SchedulerMoves) -> None:
        """Takes a scheduler that has not moved yet, and when it moves."""
        self.scheduler, self.scheduler_moves = scheduler, moves
        self._schedule = None if scheduler is None else scheduler_state(scheduler)

    def _no_losses(self) -> Tensor:
        return torch.zeros(() if self.player is None else 3, device=self.device)

    @property
    def epoch(self) -> int:
        """The current epoch; between two epochs, the one just completed."""
        return self.position.epoch if self.position.steps else len(self.history)

    @property
    def step(self) -> int:
        """The number of steps taken in all epochs."""
        return self.position.taken

    @property
    def learning_rate(self) -> float:
        """The learning rate of the optimizer's first parameter group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def stop(self, reason: str) -> None:
        """Ends training after the current step or epoch, with a checkpoint.

        Args:
            reason: The reason, kept in ``history.stopped``.
        """
        if self.ranks.size == 1:
            self.history.stopped = reason
        self.asked = reason

    @property
    def stopped(self) -> bool:
        """Whether training ends, by early stopping or on request."""
        return self.history.stopped is not None

    def start_clock(self) -> None:
        """Starts the clock of the epoch."""
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """The time that the epoch has taken so far."""
        running = 0.0 if self._began is None else time.perf_counter() - self._began
        return self.position.seconds + running

    @property
    def skipped(self) -> int:
        """The number of steps of the epoch that were skipped: their gradient was too large."""
        return 0 if self.skips is None else int(self.skips.count)

    def count(self, loss: Tensor, data: int, steps: int = 1, *, note: str = "") -> None:
        """Counts one or more steps, given the loss or losses of their data, and keeps a note."""
        self.position.total += loss
        self.position.seen += data
        self.position.steps += steps
        self.position.taken += steps
        outcome = self.take_step.outcome
        self.history.compiled = f"{outcome}, {note}" if note else outcome

    def after_step(self) -> None:
        """Updates what follows each step: the average, and possibly the learning rate."""
        if self.average is not None:
            self.average.update(self.model)
        if self.scheduler is not None and self.scheduler_moves == "step":
            self.scheduler.step()

    def next_epoch(self) -> None:
        """Moves to the beginning of the next epoch."""
        self.position = Position(
            epoch=self.position.epoch + 1,
            total=self._no_losses(),
            taken=self.position.taken,
        )
        self._count_skipped(0)
        self._began = None

    def _count_skipped(self, count: int) -> None:
        if self.skips is not None:
            self.skips.count.fill_(count)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Gives the model its averaged weights inside a block, if there are any."""
        with nullcontext() if self.average is None else self.average.applied(self.model):
            yield

    def look_for_best(self, epoch: int, loss: float) -> None:
        """Reports an epoch's validation loss to early stopping, and keeps weights if best."""
        stopping = self.stopping
        if stopping is None:
            return
        if stopping.update(epoch, -loss if math.isfinite(loss) else math.nan):
            with self.averaged():
                self.best, self.history.best_epoch = snapshot(self.model), epoch
        if stopping.done:
            self.history.stopped = (
                f"no better validation loss in {stopping.patience} epochs, "
                f"back to epoch {stopping.best_epoch}"
            )

    def go_back_to_best(self) -> None:
        """Restores the best weights, if they were kept."""
        if self.stopping is not None and self.best is not None:
            restore(self.model, self.best)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything except the model's weights, as plain values and tensors."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else scheduler_state(self.scheduler),
            "stopping": None if self.stopping is None else self.stopping.state_dict(),
            "best": None if self.stopping is None else self.best,
            "average": None if self.average is None else self.average.state_dict(),
            "history": self.history.state_dict(),
            "position": self.position.state_dict()
            | {"seconds": self.seconds, "skipped": self.skipped},
            "random": random_state(self.device),
            "given": self.given,
            "schedule": self._schedule,
            "compile": self.take_step.state_dict(),
            "adversary": None if self.player is None else self.player.state_dict(),
        }

    def load_state_dict(self, weights: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Restores everything. The model is changed last, once all else was found to fit.

        Args:
            weights: The model's weights.
            state: Everything else, as returned by `state_dict`.

        Raises:
            ValueError: If something does not fit; the message begins with its key.
        """
        with _reading("state_dict"):
            check_fits(self.model, weights)
        with _reading("optimizer"):
            load_optimizer(self.optimizer, state["optimizer"])
        with _reading("scheduler"):
            if self.scheduler is not None and state["scheduler"] is not None:
                load_scheduler(self.scheduler, state["scheduler"])
        with _reading("schedule"):
            if self.scheduler is not None and state["schedule"] is not None:
                take_new_schedule(self.scheduler, self._schedule or {}, state["schedule"])
        with _reading("given"):
            take_new(self.optimizer, self.scheduler, self.given, state["given"])
        with _reading("adversary"):
            if (state["adversary"] is None) != (self.player is None):
                was, given = ("with", "none") if self.player is None else ("without", "one")
                raise ValueError(f"the run was started {was} an adversary, but {given} was given")
            if self.player is not None:
                self.player.load_state_dict(state["adversary"])
        with _reading("stopping"):
            if self.stopping is not None and state["stopping"] is not None:
                self.stopping.load_state_dict(state["stopping"])
        with _reading("best"):
            self.best = state["best"]
            if self.best is not None:
                check_fits(self.model, self.best)
        with _reading("average"):
            if self.average is not None and state["average"] is not None:
                self.average.load_state_dict(state["average"], self.model)
        with _reading("history"):
            self.history = History.from_state(state["history"])
        with _reading("position"):
            self.position = Position.from_state(state["position"], self._no_losses())
            self._count_skipped(self.position.skipped)
            if self.position.epoch != len(self.history) + 1:
                raise ValueError(
                    f"expected the position to be in epoch {len(self.history) + 1}, the one after "
                    f"the last row, got epoch {self.position.epoch}"
                )
        with _reading("compile"):
            self.take_step.load_state_dict(state["compile"])
        with _reading("random"):
            check_random_state(state["random"], self.device)
            set_random_state(state["random"], self.device)
        restore(self.model, weights)
        if self.player is not None:
            self.player.restore(state["adversary"]["weights"])
        if self.stopping is None:
            self.history.best_epoch = None
        if self.stopping is None or not self.stopping.done:
            self.history.stopped = None  # a callback or signal had stopped it: now it goes on


@contextmanager
def _reading(key: str) -> Iterator[None]:
    """Turns any error in reading a part of a file into one sentence that names the part."""
    try:
        yield
    except KeyError as error:
        raise ValueError(f"{key}: {error} is missing") from None
    except (ValueError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{key}: {reason}") from None
