"""The batches of an epoch, and each rank's share of them."""

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from pyrovae.datasets import Split, TensorSplit, merge_last
from pyrovae.datasets.shares import shares
from pyrovae.datasets.stream_epochs import StreamEpochs
from pyrovae.datasets.values import to_dtype
from pyrovae.programs import dtype_of
from pyrovae.training.checkpoints import Checkpoints
from pyrovae.training.common_step import CommonStep
from pyrovae.training.random_state import random_state, set_random_state
from pyrovae.training.several import SeveralSteps, Turn
from pyrovae.training.state import TrainingState

__all__ = ["turns"]

Batch = tuple[Tensor, ...]


def turns(
    training: TrainingState,
    split: Split,
    checkpoints: Checkpoints,
    *,
    batch_size: int,
    drop_last: bool,
    across: bool,
    several: SeveralSteps | None = None,
) -> Iterator[Turn]:
    """Yields the batches of the current epoch that have not been used yet.

    The order of an epoch depends on the random state at its beginning. So a resumed epoch starts
    again from that state and skips the batches that it had already used; random numbers drawn from
    there on (binarization, random transforms) continue from the state of training itself. All
    ranks use the order of the first one; a rank whose data are exhausted takes part until all are.
    A stream continues from its current place, which was restored if the epoch resumes.

    Args:
        training: The state.
        split: The data.
        checkpoints: Lets the ranks agree before each step.
        batch_size: Number of data in a step, over all ranks.
        drop_last: Whether to leave out a batch smaller than the first.
        across: Whether the objective looks across the batch, so that each share needs some data.
        several: Takes several steps at a time, if that is possible.
    """
    position, device, ranks = training.position, training.device, training.ranks
    least = max(2, ranks.size) if across else 1
    if isinstance(split, StreamEpochs):
        return _of_stream(
            training, split, checkpoints, least=split.batch_size if drop_last else least
        )
    now = random_state(device)
    if position.steps:
        set_random_state(position.random, device)
    else:
        position.random = now
    chunks: Iterator[Tensor] = iter(())
    if several is not None and isinstance(split, TensorSplit):
        chunks = split.order(batch_size, shuffle=True, device=device)
        _pass_over(chunks, position.steps)
    elif ranks.size == 1:
        read = split.batches(batch_size, shuffle=True, device=device)
        if across and not drop_last:
            read = merge_last(read, length=len(split))
        if drop_last:
            read = _of_one_size(read)
        dtype = dtype_of(training.model)
        batches: Iterator[Batch] = (to_dtype(batch, dtype) for batch in read)
        _pass_over(batches, position.steps)
    else:
        mine = shares(
            split,
            batch_size,
            state=ranks.same(position.random["cpu"]),
            rank=ranks.rank,
            size=ranks.size,
            device=device,
            least=least,
            full=drop_last,
            skip=position.steps,
        )
    if position.steps:
        set_random_state(now, device)
    if several is not None:
        least = min(batch_size, len(split)) if drop_last else 1
        return several.turns((c for c in chunks if len(c) >= least), epoch=position.epoch)
    if ranks.size == 1:
        return (Turn(batch, len(batch[0])) for batch in batches)
    return _together(training, split, checkpoints, mine)


def _of_stream(
    training: TrainingState, split: StreamEpochs, checkpoints: Checkpoints, *, least: int
) -> Iterator[Turn]:
    """Yields the remaining steps of an epoch of a stream."""
    position, device, ranks = training.position, training.device, training.ranks
    if not position.steps:
        position.random = random_state(device)
    if split.seed is None:
        split.seed = ranks.same(int(torch.randint(2**62, ())))
    mine = islice(split.shares(device, least=least), split.steps - position.steps)
    if ranks.size > 1:
        return _together(training, split, checkpoints, mine)
    dtype = dtype_of(training.model)
    batches = (to_dtype(batch, dtype) for batch in mine if batch is not None)
    return (Turn(batch, len(batch[0])) for batch in batches)


def _pass_over(batches: Iterator[object], taken: int) -> None:
    passed = sum(1 for _ in islice(batches, taken))
    if passed < taken:
        raise ValueError(
            f"resume: the data have {passed} batches, but the checkpoint was written after "
            f"{taken}: the data or the batch size are different"
        )


def _together(
    training: TrainingState, split: Split, checkpoints: Checkpoints, mine: Iterator[Batch | None]
) -> Iterator[Turn]:
    """Yields the turns of this rank, each once all ranks are ready for it."""
    step, dtype = training.take_step, dtype_of(training.model)
    assert isinstance(step, CommonStep)
    nothing = to_dtype((torch.zeros(0, *split.shape, device=training.device),), dtype)
    while True:
        share = next(mine, nothing)
        batch = nothing if share is None else to_dtype(share, dtype)
        is_over, rows = share is nothing, len(batch[0])
        said = checkpoints.agree([rows, is_over, *step.offer(batch if rows else None)])
        if all(row[1] for row in said):
            return
        sizes = [int(row[0]) for row in said]
        step.settle(sizes, changed=any(row[2] for row in said), fits=all(row[3] for row in said))
        yield Turn(batch, sum(sizes))


def _of_one_size(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Leaves out batches that are smaller than the first."""
    size = 0
    for batch in batches:
        size = size or len(batch[0])
        if len(batch[0]) >= size:
            yield batch
