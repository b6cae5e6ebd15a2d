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

    The objective's sum over a batch is divided by the size of the batch before gradients are
    computed, so that clipping and learning rate do not depend on the batch size. The caller's
    parameter store, and with a seed the caller's random state, are left unchanged.

    Under ``torchrun`` all processes train one model, each with its share of every batch; see "From
    one core to many machines" in the documentation.

    Args:
        model: An object with ``model``, ``guide`` and ``parameters()``, such as a `VAE`. If it is
            in evaluation mode it is put into training mode. If it is in training mode, parts in
            evaluation mode stay there (a frozen encoder keeps its batch statistics).
        data: A `Data`, or training data only: a tensor, a ``Dataset`` or a ``DataLoader``. If a
            data set gives tuples, only as many items are used as the model takes.
        objective: The objective to maximise, from this library or from Pyro. `ELBO` if left out.
        adversary: A second player that the model is trained against in the same steps, such as
            `TotalCorrelationAdversary`. It is trained in place. The validation loss, and so early
            stopping, uses the objective only.
        adversary_optimizer: The adversary's optimizer, given like ``optimizer``; Adam with a
            learning rate of 1e-4 and betas (0.5, 0.9) if left out. ``clip_norm`` and ``scheduler``
            apply to the model only.
        epochs: Number of passes over the training data.
        batch_size: Number of data in one step, over all processes.
        steps_per_epoch: Number of steps in an epoch of an iterable data set or a loader of one,
            which then needs no length. The next epoch takes the data that follow; at the end of
            the data it starts again at their beginning.
        optimizer: A function that makes a torch optimizer from the parameters, or an optimizer of
            all trained parameters. Adam with a learning rate of 1e-3 if left out.
        scheduler: A function that makes a torch learning-rate scheduler from the optimizer, or a
            scheduler. One that waits for a plateau gets the validation loss, or the training loss
            if there are no validation data.
        scheduler_moves: Whether the scheduler moves after each epoch or after each step.
        beta: Weight on the KL term, a number or a schedule over epochs such as `LinearWarmup`. A
            schedule multiplies the weight of a `BetaELBO`; a number beside it is refused.
            Reported bounds never contain it.
        compile: Whether to trace and compile the step (see `CompiledStep`). Numbers in attributes
            of the model, the objective and the objects they hold are compared before each step; if
            one has changed, the step is compiled again. Changes of numbers in global variables,
            classes, closures, files and clocks are not detected: the graph keeps the values they
            had when it was traced. "auto" compiles if the rest of the run, at the pace of its
            first steps, would take more than a minute. Compiled or not, the same random numbers
            are drawn, so results differ by rounding only. If a program cannot be compiled,
            training goes on without compilation and a warning says why; ``history.compiled``
            records what was done. On Linux a process that has compiled keeps up to 256 MiB of
            freed memory.
        precision: "bf16" rounds the factors of matrix products and convolutions to bfloat16;
            log-probabilities, sums and weights stay in float32.
        patience: Number of epochs without a better validation loss after which to stop and restore
            the best weights. The validation loss is the objective's own, including its weights,
            and epochs are counted from the end of a warm-up. Training never stops early, if left
            out.
        clip_norm: Largest norm of the gradient of the mean over a batch. No limit, if left out.
        skip_norm: Norm of that gradient, before clipping, above which a step is skipped (Child,
            2021, https://arxiv.org/abs/2011.10650, whose losses are in nats per dimension). The
            history counts the skipped steps, and an epoch without any other ends with a warning. No
            step is skipped, if left out. A gradient that is not finite always ends training.
        accumulate: Number of parts in which a batch is processed, one after the other, so that
            memory for one part is enough; their gradients add up to that of the mean over the
            batch. Batch normalisation sees single parts.
        drop_last: Whether to leave out the last batch of an epoch if it is smaller than the first.
        average: Keeps a moving average of the weights, which is used for the validation columns
            and for early stopping's best weights. After training the model has its own weights,
            unless early stopping restored the best; ``with average.applied(model):`` gives it the
            averaged ones.
        seed: Seed of every random number that training draws from torch's generators. If None, the
            caller's generators are used and advanced.
        device: The device to train on: "auto" (CUDA if there is a GPU, else the CPU), "cpu",
            "cuda", "mps".
        progress: Whether to show progress on standard error: a live line in a terminal, elsewhere
            a line for some of the epochs.
        on_epoch: Called with each epoch's row of the history.
        callbacks: Called after each step and epoch; see `Callback`.
        checkpoint: File from which training can resume, written before the first step, within
            epochs and after each epoch. With a checkpoint, SIGINT, SIGTERM and SIGHUP end training
            after the current step and write the file; a second signal ends training at once.
        checkpoint_minutes: Minutes after which to write it within an epoch. Never, if None.
        checkpoint_steps: Steps after which to write it within an epoch. Never, if left out.
        resume: Whether to resume from ``checkpoint``. On the CPU the result is bit for bit that of
            an uninterrupted run, under two conditions. The data must draw from torch's global
            generator only (a loader's own generator, persistent workers, and Python's or NumPy's
            generators in this process have states that are not saved). And both runs must take
            compiled and eager steps at the same places: compile=True and compile=False ensure
            this; "auto" decides once, by the clock, and its decision is kept. Batches of the epoch
            that were already used are read again and skipped. Other data are refused, as far as
            they can be recognised (tensors by their values, data that are read on demand by size
            and shape). If the optimizer was given other hyperparameters than at the start, the new
            ones are used, with a warning.
        notes: Plain values to store in the checkpoint, such as how the run was made.

    Returns:
        The history, one row for each epoch.

    Raises:
        ValueError: If an argument, the shape of the data or their values do not fit, or the
            checkpoint is broken or of another model.
        FileNotFoundError: If there is no checkpoint to resume from.
        Diverged: If the loss or a parameter becomes NaN. The message names the site or parameter,
            and the model gets back the weights it had when the epoch began (or resumed).
        Interrupted: If a signal ended training and a checkpoint was written.
        RuntimeError: If another thread is training, or `fit` is called within an effect handler.
        RankFailed: If another process has failed; the message says why.
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
    made = make_scheduler(scheduler, optim, moves=scheduler_moves)
    training.schedule_by(made, moves=scheduler_moves)
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
