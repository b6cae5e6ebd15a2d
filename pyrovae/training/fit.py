"""Training: stochastic variational inference over epochs."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import pyro.infer
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from pyrovae.adversaries import Adversary
from pyrovae.compilation import Compile
from pyrovae.evaluation.plates import data_in_plate
from pyrovae.programs import Program, check_program
from pyrovae.ranks import present, together
from pyrovae.schedules import Schedule
from pyrovae.scope import isolated, without_validation
from pyrovae.stage import on_stage
from pyrovae.training import arguments
from pyrovae.training.alike import make_alike
from pyrovae.training.annealing import Annealing
from pyrovae.training.averaging import WeightAverage
from pyrovae.training.callbacks import Callback, Callbacks
from pyrovae.training.checkpoints import Checkpoints
from pyrovae.training.compiled import compiled_if_that_pays
from pyrovae.training.divergence import Diverged, Watch
from pyrovae.training.early_stopping import early_stopping
from pyrovae.training.epoch import run_epoch
from pyrovae.training.first_look import FirstLook
from pyrovae.training.gradients import Gradients, Precision
from pyrovae.training.history import History
from pyrovae.training.optimizers import (
    MakeOptimizer,
    MakeScheduler,
    make_optimizer,
    make_scheduler,
)
from pyrovae.training.player import make_player
from pyrovae.training.progress import Progress
from pyrovae.training.random_state import seed_rank
from pyrovae.training.ready import make_first_call, make_ready, read_data
from pyrovae.training.several import several_steps
from pyrovae.training.signals import Interrupted
from pyrovae.training.skips import Skips
from pyrovae.training.state import SchedulerMoves, TrainingState
from pyrovae.training.step import Step
from pyrovae.training.validation import Validation

__all__ = ["fit"]


@together(Diverged, Interrupted)
def fit(
    model: Program,
    data: Any,
    *,
    objective: pyro.infer.ELBO | None = None,
    adversary: Adversary | None = None,
    adversary_optimizer: Optimizer | MakeOptimizer | None = None,
    epochs: int = 100,
    batch_size: int = 128,
    steps_per_epoch: int | None = None,
    optimizer: Optimizer | MakeOptimizer | None = None,
    scheduler: LRScheduler | MakeScheduler | None = None,
    scheduler_moves: SchedulerMoves = "epoch",
    beta: float | Schedule = 1.0,
    compile: Compile = "auto",
    precision: Precision = "float32",
    patience: int | None = None,
    clip_norm: float | None = None,
    skip_norm: float | None = None,
    accumulate: int = 1,
    drop_last: bool = False,
    average: WeightAverage | None = None,
    seed: int | None = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
    on_epoch: Callable[[dict[str, Any]], Any] | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_minutes: float | None = 10.0,
    checkpoint_steps: int | None = None,
    resume: bool = False,
    notes: Mapping[str, Any] | None = None,
) -> History:
    """Trains a model and its guide by stochastic variational inference.

    The objective's sum over a batch is divided by the batch's size before gradients are used, so
    that clipping and learning rate do not depend on it. The caller's random state (with a seed)
    and parameter store are left as they were.

    Started by ``torchrun``, all processes train one model, each with its share of each batch; see
    "From one core to many machines" in the documentation.

    Args:
        model: An object with ``model``, ``guide`` and ``parameters()``, such as a `VAE`. One in
            evaluation mode is put into training mode; in one that is in training mode, parts in
            evaluation mode stay there (a frozen encoder keeps its batch statistics).
        data: A `Data`, or training data alone: a tensor, a ``Dataset``, a ``DataLoader``. Of a
            data set that gives tuples, as many items are used as the model takes.
        objective: What to maximise: one of this library's objectives or of Pyro's. `ELBO` if
            left out.
        adversary: A second player, which the model is trained against in the same steps, such as
            `TotalCorrelationAdversary`. It is trained where it stands. The validation loss, and so
            early stopping, are of the objective alone.
        adversary_optimizer: Its optimizer, as ``optimizer``; Adam with a learning rate of 1e-4 and
            betas (0.5, 0.9) if left out. ``clip_norm`` and ``scheduler`` are of the model's.
        epochs: Number of passes over the training data.
        batch_size: Data in one step, of all processes together.
        steps_per_epoch: Steps in an epoch of an iterable data set or a loader of one, which need
            have no length then. The next epoch takes the data that follow; where they end, they
            begin again.
        optimizer: Makes a torch optimizer from the parameters, or is one of all that are
            trained. Adam with a learning rate of 1e-3 if left out.
        scheduler: Makes a torch learning-rate scheduler from the optimizer. One that waits for a
            plateau is shown the validation loss, without validation data the training loss.
        scheduler_moves: Whether the scheduler moves on after each epoch or after each step.
        beta: Weight on the KL term, a number or a schedule over epochs such as `LinearWarmup`.
            Reported bounds never contain it.
        compile: Whether to trace and compile the step (see `CompiledStep`). Numbers in global
            variables, classes, closures, files and clocks are not seen to change: a graph keeps
            them as they were when it was traced. Numbers in attributes of the model, the
            objective and what these hold are compared before each step, and where one has changed
            the step is compiled anew. "auto" compiles if the rest of the run, at the pace of its
            first steps, would take more than a minute. The same random numbers are drawn either
            way, so results differ by rounding alone. Where a program cannot be compiled, training
            goes on without, and a warning says why; ``history.compiled`` says what was done. On
            Linux a process that has compiled keeps up to 256 MiB of freed memory.
        precision: "bf16" rounds the factors of matrix products and convolutions to bfloat16;
            log-probabilities, sums and weights stay in float32.
        patience: Stop after so many epochs without a better validation loss, which is the
            objective's own with its weights, counted from the end of a warm-up on, and go back to
            the best weights. Never, if left out.
        clip_norm: Largest norm of the gradient of the mean over a batch. No limit, if left out.
        skip_norm: Norm of that gradient, before it is clipped, above which a step moves nothing
            (Child, 2021, https://arxiv.org/abs/2011.10650); the history counts these steps. None is
            left out, if this is. A gradient that is not finite ends training, whatever this is.
        accumulate: Parts in which a batch is processed one after the other, so that memory for
            one of them is enough; their gradients add up to that of the mean over the batch. Batch
            normalisation sees parts.
        drop_last: Whether to leave out an epoch's batch that is smaller than its first.
        average: Keeps a moving average of the weights, which the validation columns and early
            stopping's best weights are of. The model has its own weights in the end, unless
            early stopping went back; ``with average.applied(model):`` gives it the averaged ones.
        seed: Seed of every random number that training draws from torch's generators. With
            None, the caller's generators are used and moved on.
        device: Where to train: "auto" (CUDA where there is one, else the CPU), "cpu", "cuda",
            "mps".
        progress: Whether to show on standard error how far training is: a live line in a terminal,
            elsewhere the lines of some epochs.
        on_epoch: Called with each epoch's row of the history.
        callbacks: Told of each step and epoch; see `Callback`.
        checkpoint: File from which training can go on, written before the first step, within
            epochs and after each. While there is one, SIGINT, SIGTERM and SIGHUP end training
            after the step under way, with a checkpoint; a second signal ends it at once.
        checkpoint_minutes: Minutes after which to write it within an epoch. Never, if None.
        checkpoint_steps: Steps after which to write it within an epoch. Never, if left out.
        resume: Whether to go on from ``checkpoint``. On the CPU the result is bit for bit that
            of a run without interruption, as far as data draw from torch's global generator alone
            (a loader's own generator, persistent workers, and Python's or NumPy's generators in
            this process keep their state to themselves), and as both runs take compiled or eager
            steps at the same places: compile=True and False see to that; "auto" decides by the
            clock, once, and what it has decided is kept. Within an epoch the batches that were
            taken are read again and passed over. Other data are refused, as far as they can be
            told (tensors by their values, what is read when needed by size and shape). Other
            hyperparameters of the optimizer than it was begun with are taken, with a warning.
        notes: Plain values to keep in the checkpoint: how the run was made.

    Returns:
        The history, one row an epoch.

    Raises:
        ValueError: If an argument, the data's shape or their values do not fit, or the checkpoint
            is broken or of another model.
        FileNotFoundError: If there is no checkpoint to resume from.
        Diverged: If the loss or a parameter becomes NaN. The site or parameter is named, and the
            model is put back to the weights it had when the epoch began (or went on).
        Interrupted: If a signal ended training and a checkpoint was written.
        RuntimeError: If another thread is training, or it is called within an effect handler.
        RankFailed: If another process has failed, which says why.
    """
    check_program(model)
    arguments.check_handlers()
    arguments.check_numbers(seed, epochs=epochs, batch_size=batch_size, accumulate=accumulate)
    arguments.check_choices(compile=compile, precision=precision, scheduler_moves=scheduler_moves)
    arguments.check_files(checkpoint, resume=resume, notes=notes)
    objective = arguments.check_objective(
        objective, beta, accumulate=accumulate, adversary=adversary
    )
    told = Callbacks(arguments.all_callbacks(callbacks, on_epoch))
    data = read_data(model, data, steps_per_epoch=steps_per_epoch, batch_size=batch_size)
    ranks, device = present(), make_ready(model, data, device=device)
    given = {"epochs": epochs, "patience": patience, "resume": resume, "drop_last": drop_last}
    given |= {"data": data.sizes, "checkpoint": checkpoint is not None}
    player = make_player(adversary, adversary_optimizer, model, device)
    make_alike(ranks, model, objective, given, batch_size=batch_size, adversary=adversary)
    size = data_in_plate(model, data.train, batch_size=batch_size, device=device)

    annealing = Annealing(beta, objective, device)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optim = make_optimizer(optimizer, parameters)
    skips = None if skip_norm is None else Skips(skip_norm).to(device)
    gradients = Gradients(
        model.model,
        model.guide,
        objective,
        scale=None if beta == 1 else annealing.scale,
        clip_norm=clip_norm,
        skips=skips,
        precision=precision,
        parts=accumulate,
        data_in_plate=size,
        player=player,
    )
    step, total = Step(parameters, gradients, optim), epochs * len(data.train)
    training = TrainingState(
        model,
        optim,
        device,
        step=compiled_if_that_pays(model, step, mode=compile, data=total, ranks=ranks),
        stopping=early_stopping(patience, data, first_epoch=annealing.settled),
        average=average,
        skips=skips,
        ranks=ranks,
        player=player,
    )
    training.scheduler = make_scheduler(scheduler, optim, moves=scheduler_moves)
    training.scheduler_moves = scheduler_moves
    checkpoints = Checkpoints(
        checkpoint, training, data, notes=notes, minutes=checkpoint_minutes, steps=checkpoint_steps
    )
    validation = Validation(
        training, data, annealing, checkpoints, batch_size=batch_size, size=size
    )
    with on_stage(training=True), isolated(device, seed), without_validation(), checkpoints:
        make_first_call(gradients, parameters, model, data.train, device, batch_size=batch_size)
        seed_rank(ranks.rank, device)
        begin = checkpoints.read if resume else checkpoints.write
        begin()
        with closing(Progress(training, epochs, len(data.train), show=progress)) as bar:
            one_epoch = partial(
                run_epoch,
                training,
                data.train,
                batch_size=batch_size,
                drop_last=drop_last,
                annealing=annealing,
                validation=validation,
                callbacks=told,
                checkpoints=checkpoints,
                look=FirstLook(model, data.train),
                bar=bar,
                several=several_steps(training, data.train, annealing, told, checkpoint_steps),
            )
            try:
                while training.position.epoch <= epochs and not training.stopped:
                    one_epoch(watch=Watch(training, step))
            finally:
                told.end(training)
    training.go_back_to_best()
    return training.history
