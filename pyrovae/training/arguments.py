"""Checks of the arguments of `fit`, made before anything else is done."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import pyro.infer
import pyro.poutine.runtime

from pyrovae.checkpoint.file import check_notes
from pyrovae.checks import check_count, check_seed
from pyrovae.compilation import Compile
from pyrovae.objectives import ELBO
from pyrovae.schedules import Schedule
from pyrovae.stage import on_stage
from pyrovae.training.annealing import own_weight
from pyrovae.training.callbacks import Callback, OnEpoch
from pyrovae.training.gradients import Precision
from pyrovae.training.state import SchedulerMoves
from pyrovae.training.validation import looks_across_the_batch

__all__ = [
    "all_callbacks",
    "check_choices",
    "check_files",
    "check_handlers",
    "check_numbers",
    "check_objective",
]


def check_handlers() -> None:
    """Checks that no effect handler is active: one around training would change every step.

    Raises:
        RuntimeError: If a Pyro handler is active, or another thread is training.
    """
    with on_stage():
        around = [type(handler).__name__ for handler in pyro.poutine.runtime._PYRO_STACK]
    if around:
        raise RuntimeError(
            f"expected no effect handler around training, got {', '.join(around)}: it would apply "
            "to every step; put it around model and guide instead"
        )


def check_numbers(seed: Any, **counts: Any) -> None:
    """Checks a seed, if there is one, and numbers that must be integers of at least 1."""
    if seed is not None:
        check_seed("seed", seed)
    for name, value in counts.items():
        check_count(name, value)


def check_choices(
    *, compile: Compile, precision: Precision, scheduler_moves: SchedulerMoves
) -> None:
    """Checks the options that take one of a few values."""
    if compile != "auto" and not isinstance(compile, bool):
        raise ValueError(f"compile: expected 'auto', True or False, got {compile!r}")
    for name, value, kind in (
        ("precision", precision, Precision),
        ("scheduler_moves", scheduler_moves, SchedulerMoves),
    ):
        if value not in get_args(kind):
            expected = " or ".join(map(repr, get_args(kind)))
            raise ValueError(f"{name}: expected {expected}, got {value!r}")


def check_objective(
    objective: Any, beta: float | Schedule, *, accumulate: int, adversary: Any = None
) -> pyro.infer.ELBO:
    """Returns the objective, or `ELBO` if it is None.

    Raises:
        ValueError: If it is not an objective, ``beta`` is not a valid weight or a second one, or
            the batch cannot be split into parts.
    """
    if objective is None:
        objective = ELBO()
    if not isinstance(objective, pyro.infer.ELBO):
        made = isinstance(objective, type) and issubclass(objective, pyro.infer.ELBO)
        given = f"the class {objective.__name__}" if made else repr(objective)
        raise ValueError(
            "objective: expected an objective of this library or of Pyro, such as "
            f"pyrovae.objectives.ELBO(), got {given}"
        )
    check_count("objective: num_particles", objective.num_particles)
    if not isinstance(beta, Schedule) and not _is_weight(beta):
        raise ValueError(
            "beta: expected a weight of at least 0 or a schedule, such as "
            f"pyrovae.training.LinearWarmup(10), got {beta!r}"
        )
    own = own_weight(objective)
    if not isinstance(beta, Schedule) and beta != 1 and own != 1:
        raise ValueError(
            f"beta: expected 1 or a schedule, because {objective!r:.60} weights the KL term by "
            f"{own:g} already and both would multiply to {beta * own:g}, got {beta}"
        )
    across = objective if looks_across_the_batch(objective) else adversary
    if accumulate > 1 and getattr(across, "across_batch", False):
        raise ValueError(
            f"accumulate: expected 1, because {type(across).__name__} depends on the whole batch, "
            f"and parts of it would be a different objective, got {accumulate}"
        )
    return objective


def _is_weight(beta: Any) -> bool:
    return isinstance(beta, int | float) and 0 <= beta < math.inf


def check_files(
    checkpoint: str | os.PathLike[str] | None, *, resume: bool, notes: Mapping[str, Any] | None
) -> None:
    """Checks what is to be written, and that there is a checkpoint if training is to resume."""
    if resume and checkpoint is None:
        raise ValueError(
            "resume: expected the checkpoint to resume from, as checkpoint=..., got none"
        )
    if checkpoint is not None:
        if not isinstance(checkpoint, str | os.PathLike):
            raise ValueError(f"checkpoint: expected the path of a file, got {checkpoint!r}")
        if Path(checkpoint).is_dir():
            raise ValueError(
                f"checkpoint: expected the path of a file, but {checkpoint} is a folder; use a "
                f"file in it, such as {Path(checkpoint) / 'checkpoint.pt'}"
            )
    if notes is not None:
        check_notes(dict(notes) if isinstance(notes, Mapping) else notes)


def all_callbacks(callbacks: Any, on_epoch: Any) -> list[Callback]:
    """Returns all callbacks, including ``on_epoch``."""
    if on_epoch is not None and not callable(on_epoch):
        raise ValueError(
            f"on_epoch: expected a function that takes the row of an epoch, got {on_epoch!r}"
        )
    if not isinstance(callbacks, Sequence):
        callbacks = (callbacks,)
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise ValueError(
                "callbacks: expected objects of subclasses of pyrovae.training.Callback, got "
                f"{callback!r}; pass a function that takes the row of an epoch as on_epoch"
            )
    return [*callbacks, *([] if on_epoch is None else [OnEpoch(on_epoch)])]
