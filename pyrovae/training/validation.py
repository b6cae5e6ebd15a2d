"""Evaluation of the validation data after an epoch."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import pyro.infer
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from pyrovae.datasets import Data, LoaderSplit, Split
from pyrovae.datasets.splits import SplitOf
from pyrovae.datasets.stream_epochs import StreamEpochs
from pyrovae.datasets.values import to_dtype
from pyrovae.evaluation.blocks import blocks
from pyrovae.evaluation.elbo import elbo
from pyrovae.nn.modes import evaluation_mode
from pyrovae.objectives import ELBO
from pyrovae.programs import dtype_of
from pyrovae.scope import isolated
from pyrovae.training.annealing import Annealing, kept
from pyrovae.training.checkpoints import Checkpoints
from pyrovae.training.state import TrainingState

__all__ = ["Validation", "looks_across_the_batch"]

Batch = tuple[Tensor, ...]


def looks_across_the_batch(objective: pyro.infer.ELBO) -> bool:
    """Whether an objective's value for a batch is more than a sum over its data."""
    return bool(getattr(objective, "across_batch", False))


class Validation:
    """The objective's own loss and the plain bound of the validation data.

    Both are computed in evaluation mode and with the same random numbers each time, so that epochs
    can be compared. The model, the objective and the random state are left unchanged.

    Args:
        training: The state with the model to evaluate.
        data: The data, which may lack a validation split.
        annealing: The objective and its weights at the end of the evaluated epoch.
        checkpoints: Asked before each batch whether a signal ends the evaluation.
        batch_size: Number of data in a training step. The same number is used here: memory
            suffices for it, and an objective that looks across the batch is to see as many.
        size: Number of data that a loss stands for, if the plate of the data sets it.

    Raises:
        ValueError: If an objective that looks across the batch is given a single datum.
    """

    def __init__(
        self,
        training: TrainingState,
        data: Data,
        annealing: Annealing,
        checkpoints: Checkpoints,
        *,
        batch_size: int,
        size: int | None,
    ) -> None:
        ask = checkpoints.obey_signal
        self.model, self.device = training.model, training.device
        self.split = None if data.validation is None else _Asking(data.validation, ask)
        self.annealing = annealing
        self._size = size
        self._across = looks_across_the_batch(annealing.objective)
        if self._across and self.split is not None and self.split.length is None:
            raise ValueError(
                f"validation: {type(annealing.objective).__name__} depends on the whole batch: "
                "expected data with a length, got a stream without one"
            )
        if self._across and self.split is not None and len(self.split) < 2:
            raise ValueError(
                f"validation: {type(annealing.objective).__name__} depends on the whole batch: "
                "expected at least 2 data, got 1"
            )
        self.ranks, self._ask = training.ranks, ask
        self._rows = min(_batch_size(data.train, batch_size), len(data.train))
        if self._across and self.split is not None:
            # For such an objective, a last batch of one datum would be meaningless.
            while self._rows < len(self.split) and len(self.split) % self._rows == 1:
                self._rows += 1

    def __call__(self, epoch: int) -> dict[str, float]:
        """Returns the columns of an epoch's row: ``validation_loss`` and the bound's parts."""
        if self.split is None:
            return {}
        self._ask()
        bound = elbo(self.model, self.split, batch_size=self._rows, device=self.device)
        known = {name: value for name, value in bound._asdict().items() if value is not None}
        # One pass over the data is enough if the objective is that bound.
        loss = (
            -bound.elbo
            if self._is_bound() and bound.elbo is not None
            else self._loss(self.split, epoch)
        )
        return {"validation_loss": loss} | {f"validation_{k}": v for k, v in known.items()}

    def _is_bound(self) -> bool:
        objective = self.annealing.objective
        plain = type(objective) is ELBO and objective.num_particles == 1
        return plain and self.annealing.schedule is None and self.annealing.beta == 1

    @torch.no_grad()
    def _loss(self, split: Split, epoch: int) -> float:
        objective, scale = self.annealing.objective, self.annealing.scale
        model, guide = scale(self.model.model), scale(self.model.guide)
        dtype, found = dtype_of(self.model), []
        with (
            isolated(self.device, seed=0),
            evaluation_mode(self.model),
            kept(objective, scale),
        ):
            # The weights at the end of the epoch, with which the next epoch's first step begins.
            self.annealing.advance(epoch)
            looked = blocks(split, self._rows, seed=0, device=self.device, ranks=self.ranks)
            for start, values in looked:
                batch = to_dtype(values, dtype)
                loss = objective.loss(model, guide, *batch)
                # Wake-sleep returns a pair of losses; the first is the model's.
                of_batch = float(loss[0] if isinstance(loss, tuple) else loss)
                rows = len(batch[0])
                found.append((start, of_batch * rows / (self._size or rows), rows))
        # In the order of the data, however many ranks have evaluated them.
        everyone = sorted(chain.from_iterable(self.ranks.gather(found)))
        return sum(value for _, value, _ in everyone) / sum(rows for *_, rows in everyone)


def _batch_size(train: Split, batch_size: int) -> int:
    """Returns the number of data in a step: a loader makes batches of its own size."""
    if isinstance(train, StreamEpochs):
        return train.batch_size
    source = train.source if isinstance(train, LoaderSplit) else None
    own = source.batch_size if isinstance(source, DataLoader) else None
    return own or batch_size


class _Asking(SplitOf):
    """A split that runs a check before each batch."""

    def __init__(self, split: Split, ask: Callable[[], None]) -> None:
        super().__init__(split)
        self._ask = ask

    def batches(
        self, batch_size: int, *, shuffle: bool = False, device: torch.device | str = "cpu"
    ) -> Iterator[Batch]:
        """Goes once through the data; see `Split.batches`."""
        return self._asked(self.split.batches(batch_size, shuffle=shuffle, device=device))

    def read(
        self, chunks: Iterable[Tensor], *, device: torch.device | str = "cpu"
    ) -> Iterator[Batch] | None:
        """Reads data by their numbers; see `Split.read`."""
        batches = self.split.read(chunks, device=device)
        return None if batches is None else self._asked(batches)

    def _asked(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self._ask()
            yield batch
