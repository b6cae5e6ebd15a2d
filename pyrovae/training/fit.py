"""Training: stochastic variational inference over epochs."""

import math
import os
import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, get_args

import pyro.infer
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from tqdm.auto import tqdm

from pyrovae import checkpoint as checkpoints
from pyrovae.compilation import AutoCompiled, Compile
from pyrovae.component import Component
from pyrovae.datasets import Data, as_split
from pyrovae.evaluation.elbo import elbo
from pyrovae.evaluation.support import check_support
from pyrovae.handlers import ScaleLatents, tensors_taken
from pyrovae.objectives import ELBO
from pyrovae.schedules import Annealed, Schedule
from pyrovae.scope import isolated, without_validation
from pyrovae.training.checks import Diverged, find_fault, make_first_call
from pyrovae.training.compiled import CompiledStep
from pyrovae.training.early_stopping import EarlyStopping
from pyrovae.training.gradients import Gradients, Precision
from pyrovae.training.history import History
from pyrovae.training.state import random_state, restore, set_random_state, snapshot
from pyrovae.training.step import Step

__all__ = ["choose_device", "fit"]

# On the CPU looking at the loss is free; on an accelerator it waits for the queue to drain.
STEPS_BETWEEN_LOOKS = {"cpu": 1}


def fit(
    model: Any,
    data: Any,
    *,
    objective: pyro.infer.ELBO | None = None,
    epochs: int = 100,
    batch_size: int = 128,
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] | None = None,
    scheduler: Callable[[Optimizer], LRScheduler] | None = None,
    beta: float | Schedule = 1.0,
    compile: Compile = "auto",
    precision: Precision = "float32",
    patience: int | None = None,
    clip_norm: float | None = None,
    seed: int | None = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
    on_epoch: Callable[[dict[str, Any]], Any] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
) -> History:
    """Trains a model and its guide by stochastic variational inference.

    The objective's sum over a batch is divided by the batch's size before gradients are used, so
    that clipping and learning rate do not depend on it. The caller's random state (with a seed)
    and parameter store are left as they were.

    Args:
        model: An object with ``model``, ``guide`` and ``parameters()``, such as a `VAE`. It is
            put into training mode, and left there.
        data: A `Data`, or training data alone: a tensor, a ``Dataset``, a ``DataLoader``. Of a
            data set that gives tuples, as many items are used as the model takes.
        objective: What to maximise: one of this library's objectives or of Pyro's. `ELBO` if
            left out.
        epochs: Number of passes over the training data.
        batch_size: Data in one step.
        optimizer: Makes a torch optimizer from the parameters. Adam with a learning rate of
            1e-3 if left out.
        scheduler: Makes a torch learning-rate scheduler from the optimizer; it moves on once an
            epoch (one that waits for a plateau looks at the validation ELBO; of a model that has
            none, as an autoencoder, at the reconstruction, and ``patience`` likewise).
        beta: Weight on the KL term, a number or a schedule over epochs such as `LinearWarmup`.
            Reported bounds never contain it.
        compile: Whether to trace and compile the step (see `CompiledStep`). "auto" does so
            if the rest of the run, at the pace of its first steps, would take more than a minute.
            The same random numbers are drawn either way, so results differ by rounding alone.
            Where a program cannot be compiled, training goes on without, and a warning says why;
            ``history.compiled`` says what was done. On Linux a process that has compiled keeps
            up to 256 MiB of freed memory.
        precision: "bf16" rounds the factors of matrix products and convolutions to bfloat16;
            log-probabilities, sums and weights stay in float32.
        patience: Stop after so many epochs without a better validation ELBO, counted from the
            end of a warm-up on, and go back to the best weights. Never, if left out.
        clip_norm: Largest norm of the gradient of the mean over a batch. No limit, if left out.
        seed: Seed of every random number that training draws from torch's generators. With
            None, the caller's generators are used and moved on.
        device: Where to train: "auto" (CUDA where there is one, else the CPU), "cpu", "cuda",
            "mps".
        progress: Whether to show a progress bar.
        on_epoch: Called with each epoch's row of the history.
        checkpoint: File to write after each epoch, from which training can go on.
        resume: Whether to go on from ``checkpoint``. On the CPU the result is bit for bit that
            of a run without interruption, as far as the data draw from torch's generators alone
            (a loader with a generator of its own keeps that one's state to itself).

    Returns:
        The history, one row an epoch.

    Raises:
        ValueError: If an argument, the data's shape or their values do not fit.
        FileNotFoundError: If there is no checkpoint to resume from.
        Diverged: If the loss or a parameter becomes NaN. The site or parameter is named, and the
            model is put back to the weights it had when the epoch began.
    """
    _check_arguments(epochs, batch_size, beta, clip_norm, resume, checkpoint, compile, precision)
    if not isinstance(data, Data):
        data = Data(train=as_split(data, fields=tensors_taken(model.model)))
    if patience is not None and data.validation is None:
        raise ValueError("patience: early stopping needs validation data, got none")
    device = choose_device(device)
    if isinstance(model, nn.Module):
        model.to(device)
        model.train()
    check_support(model, data.train, device)
    if data.validation is not None:
        check_support(model, data.validation, device)

    objective = objective if objective is not None else ELBO()
    weight = beta if isinstance(beta, Schedule) else None
    # A tensor, so that a compiled step sees the weight move.
    scale = ScaleLatents(
        torch.ones((), device=device) if isinstance(beta, Schedule) else float(beta)
    )
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if optimizer is None:
        optimizer = partial(torch.optim.Adam, lr=1e-3, fused=True)
    optim = optimizer(parameters)
    decay = scheduler(optim) if scheduler is not None else None
    settled = weight.settled if weight else 0
    annealed = objective if isinstance(objective, Annealed) else None
    if annealed is not None:
        settled = max(settled, annealed.settled)
    stopping = EarlyStopping(patience, first_epoch=settled) if patience is not None else None
    components = _describe(model) if checkpoint is not None else None
    history = History()
    best: dict[str, Tensor] | None = None

    gradients = Gradients(
        model.model,
        model.guide,
        objective,
        scale=None if beta == 1 else scale,
        clip_norm=clip_norm,
        precision=precision,
    )

    def keep(path: str | os.PathLike[str]) -> None:
        content = {
            "components": components,
            "state_dict": snapshot(model),
            "training": {
                "optimizer": optim.state_dict(),
                "scheduler": None if decay is None else decay.state_dict(),
                "stopping": None if stopping is None else stopping.state_dict(),
                "best": None if stopping is None else best,
                "history": history.state_dict(),
                "random": random_state(device),
            },
        }
        checkpoints.write(path, content)

    with isolated(device, seed), without_validation():
        if objective.max_plate_nesting == math.inf:
            make_first_call(objective, model, data.train, device)
        if resume:
            content = checkpoints.read(str(checkpoint))
            state = content.get("training")
            if state is None:
                raise ValueError(
                    f"{checkpoint}: it holds a model alone, no training to go on with"
                )
            try:
                restore(model, content["state_dict"])
            except ValueError as error:
                raise ValueError(f"{checkpoint}: {error}") from None
            optim.load_state_dict(state["optimizer"])
            if decay is not None and state["scheduler"] is not None:
                decay.load_state_dict(state["scheduler"])
            if stopping is not None and state["stopping"] is not None:
                stopping.load_state_dict(state["stopping"])
            best = state["best"]
            history = History.from_state(state["history"])
            if stopping is None:
                history.best_epoch = history.stopped = None
            set_random_state(state["random"], device)
            # Compiled and eager steps differ by rounding: go on with the same ones.
            if compile == "auto" and (history.compiled or "").startswith("compiled"):
                compile = True

        n = len(data.train)
        eager = Step(parameters, gradients, optim)
        step = AutoCompiled(
            eager,
            partial(CompiledStep, model, eager),
            mode=compile,
            data=(epochs - len(history)) * n,
            what="training",
        )
        with tqdm(
            total=epochs * n,
            initial=len(history) * n,
            disable=not progress,
            unit=" data",
            unit_scale=True,
            dynamic_ncols=True,
        ) as bar:
            for epoch in range(len(history) + 1, epochs + 1):
                if stopping is not None and stopping.done:
                    break
                bar.set_description(f"epoch {epoch}/{epochs}")
                began = time.perf_counter()
                good = snapshot(model)
                total, seen = torch.zeros((), device=device), 0
                for i, batch in enumerate(
                    data.train.batches(batch_size, shuffle=True, device=device)
                ):
                    if weight is not None:
                        scale.factor.fill_(weight(epoch - 1 + seen / n))  # type: ignore[union-attr]
                    if annealed is not None:
                        annealed.advance(epoch - 1 + seen / n)
                    loss = step(batch)
                    total += loss
                    seen += len(batch[0])
                    if i % STEPS_BETWEEN_LOOKS.get(device.type, 100) == 0 and total.isnan():
                        _diverge(model, good, eager, batch, f"epoch {epoch}, step {i + 1}")
                    bar.update(len(batch[0]))
                if total.isnan() or not _finite(parameters):
                    _diverge(model, good, eager, batch, f"epoch {epoch}")
                row = {"epoch": epoch, "loss": (total / seen).item()}
                if data.validation is not None:
                    bound = elbo(model, data.validation, device=device)
                    known = {k: v for k, v in bound._asdict().items() if v is not None}
                    row |= {f"validation_{name}": value for name, value in known.items()}
                row["learning_rate"] = optim.param_groups[0]["lr"]
                row["beta"] = float(scale.factor)
                row["seconds"] = time.perf_counter() - began
                if isinstance(decay, ReduceLROnPlateau):
                    decay.step(-bound.criterion if data.validation else row["loss"])
                elif decay is not None:
                    decay.step()
                if stopping is not None and stopping.update(epoch, bound.criterion):
                    best, history.best_epoch = snapshot(model), epoch
                history.append(row)
                history.compiled = step.outcome
                if stopping is not None and stopping.done:
                    what = "ELBO" if "validation_elbo" in row else "reconstruction"
                    history.stopped = (
                        f"no better validation {what} in {stopping.patience} epochs, "
                        f"back to epoch {stopping.best_epoch}"
                    )
                bar.set_postfix(
                    {k: f"{row[k]:.2f}" for k in ("loss", "validation_elbo") if k in row}
                )
                if checkpoint is not None:
                    keep(checkpoint)
                if on_epoch is not None:
                    # What it draws is its own: training goes on as it would from the checkpoint.
                    with isolated(device, seed=epoch):
                        on_epoch(row)
    if stopping is not None and best is not None:
        restore(model, best)
    return history


def choose_device(device: str | torch.device) -> torch.device:
    """Reads a device; "auto" is CUDA where there is one and else the CPU.

    Raises:
        ValueError: If there is no such device on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device: expected 'auto', 'cpu' or one that this machine has, got {device!r} ({reason})"
        ) from None


def _check_arguments(
    epochs: int,
    batch_size: int,
    beta: float | Schedule,
    clip_norm: float | None,
    resume: bool,
    checkpoint: Any,
    compile: Any,
    precision: str,
) -> None:
    if epochs < 1:
        raise ValueError(f"epochs: expected at least 1, got {epochs}")
    if batch_size < 1:
        raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
    if not isinstance(beta, Schedule) and not 0 <= beta < math.inf:
        raise ValueError(f"beta: expected a weight of at least 0, got {beta}")
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm: expected a positive number, got {clip_norm}")
    if compile != "auto" and not isinstance(compile, bool):
        raise ValueError(f"compile: expected 'auto', True or False, got {compile!r}")
    if precision not in get_args(Precision):
        expected = " or ".join(map(repr, get_args(Precision)))
        raise ValueError(f"precision: expected {expected}, got {precision!r}")
    if resume and checkpoint is None:
        raise ValueError("resume: expected a checkpoint to go on from, got none")


def _describe(model: Any) -> list[dict[str, Any]] | None:
    """How the model is made, where that can be recorded: a checkpoint is useful without, too."""
    try:
        return checkpoints.describe(model) if isinstance(model, Component) else None
    except ValueError as error:
        warnings.warn(f"the checkpoint will not say how its model is made: {error}", stacklevel=3)
        return None


def _finite(parameters: Iterable[Tensor]) -> bool:
    return all(bool(parameter.isfinite().all()) for parameter in parameters)


def _diverge(
    model: Any, good: dict[str, Tensor], step: Step, batch: tuple[Tensor, ...], when: str
) -> None:
    fault = find_fault(model, step, batch)
    restore(model, good)
    raise Diverged(
        f"training diverged in {when}: {fault}; the model has the weights it had when the epoch "
        "began. A smaller learning rate, clip_norm or a warm-up of beta may help"
    )
