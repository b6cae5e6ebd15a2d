"""One epoch of training: its steps, and what is done when they are taken."""

import warnings
from typing import Any

from torch.optim.lr_scheduler import ReduceLROnPlateau

from pyrovae.datasets import Split
from pyrovae.training.alike import check_alike
from pyrovae.training.annealing import Annealing
from pyrovae.training.callbacks import Callbacks
from pyrovae.training.checkpoints import Checkpoints
from pyrovae.training.divergence import Watch
from pyrovae.training.first_look import FirstLook
from pyrovae.training.progress import Progress
from pyrovae.training.several import SeveralSteps
from pyrovae.training.signals import Interrupted
from pyrovae.training.skips import Skips
from pyrovae.training.state import TrainingState
from pyrovae.training.turns import turns
from pyrovae.training.validation import Validation, looks_across_the_batch

__all__ = ["run_epoch"]


def run_epoch(
    training: TrainingState,
    split: Split,
    *,
    batch_size: int,
    drop_last: bool,
    annealing: Annealing,
    watch: Watch,
    validation: Validation,
    callbacks: Callbacks,
    checkpoints: Checkpoints,
    look: FirstLook,
    bar: Progress,
    several: SeveralSteps | None = None,
) -> None:
    """Trains for an epoch, or for the rest of one that is resumed from a checkpoint.

    After the steps, it evaluates the validation data, adds a row to the history and writes a
    checkpoint. If training is asked to stop, it ends within the epoch, with a checkpoint.

    Args:
        training: The state, which is updated.
        split: The training data.
        batch_size: Number of data in one step.
        drop_last: Whether to leave out batches smaller than the first.
        annealing: The weight and schedules, which change with time.
        watch: Checks losses and parameters for NaN.
        validation: Evaluates the validation data.
        callbacks: The callbacks, which are called after steps and epochs.
        checkpoints: Writes checkpoints, and handles signals.
        look: Checks each batch of the first epoch.
        bar: Shows the progress.
        several: Takes several steps at a time, if nothing has to be done between them.

    Raises:
        Diverged: If a loss is NaN, or a gradient or parameter is not finite.
        Interrupted: If a signal asked training to end.
    """
    position = training.position
    training.start_clock()
    across = looks_across_the_batch(annealing.objective) or plays_across_the_batch(training)
    for batch, data, steps in turns(
        training,
        split,
        checkpoints,
        batch_size=batch_size,
        drop_last=drop_last,
        across=across,
        several=None if across else several,
    ):
        annealing.advance(position.epoch - 1 + position.seen / len(split))
        if several is not None and steps > 1:
            loss, batch = several(*batch)
        else:
            look(batch)
            loss = training.take_step(batch)
        training.count(loss, data, steps, note="" if several is None else several.note)
        watch.see(batch)
        training.after_step()
        callbacks.after_step(training, loss if training.player is None else loss[0], data)
        bar.show(training)
        if checkpoints.due():
            watch.look()
            checkpoints.write()
            checkpoints.obey_signal()
        if training.stopped:
            return
    look.end()
    watch.look()
    check_alike(training)
    try:
        row = _end(training, annealing, validation)
    except Interrupted:
        checkpoints.write()  # after the last step: only the validation has to be repeated
        raise
    bar.show(training, row)
    checkpoints.write()
    callbacks.after_epoch(training, row)
    checkpoints.agree()
    if training.stopped:
        checkpoints.write()  # with the reason, if a callback has just given one
    checkpoints.obey_signal()


def plays_across_the_batch(training: TrainingState) -> bool:
    """Whether an adversary's losses are more than sums over the data of a batch."""
    return training.player is not None and training.player.adversary.across_batch


def _end(training: TrainingState, annealing: Annealing, validation: Validation) -> dict[str, Any]:
    """Evaluates the validation data after an epoch's steps, and moves to the next epoch."""
    position = training.position
    means = (position.total / position.seen).reshape(-1).tolist()
    columns = ("loss", "adversarial_loss", "adversary_loss")
    row: dict[str, Any] = {"epoch": position.epoch}
    row |= dict(zip(columns, means, strict=False))
    with training.averaged():
        row |= validation(position.epoch)
    row["learning_rate"] = training.learning_rate
    row["beta"] = annealing.beta
    if training.skips is not None:
        row["skipped"] = training.skipped
        _tell_if_nothing_moved(training, training.skips)
    row["seconds"] = training.seconds
    training.history.append(row)
    loss = row.get("validation_loss", row["loss"])
    if isinstance(training.scheduler, ReduceLROnPlateau):
        training.scheduler.step(loss)
    elif training.scheduler is not None and training.scheduler_moves == "epoch":
        training.scheduler.step()
    training.look_for_best(position.epoch, loss)
    training.next_epoch()
    return row


def _tell_if_nothing_moved(training: TrainingState, skips: Skips) -> None:
    position = training.position
    if training.ranks.is_first and training.skipped == position.steps:
        warnings.warn(
            f"epoch {position.epoch}: all {position.steps} steps were skipped, so nothing was "
            f"trained; the gradient of the last one had a norm of {skips.norm.item():.3g} (in nats "
            f"per datum), and skip_norm is {skips.largest:g}",
            stacklevel=2,
        )
