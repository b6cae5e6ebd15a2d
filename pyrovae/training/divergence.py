"""Detects diverged training, names the faulty number, and restores the last good weights."""

import math
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from pyrovae.distributions import observed_values
from pyrovae.scope import isolated, without_validation
from pyrovae.training.state import TrainingState
from pyrovae.training.step import Step
from pyrovae.training.weights import restore, snapshot

__all__ = ["Diverged", "Watch", "find_fault"]

NOT_FOUND = "the gradients are not finite, though every site is"
STEPS_BETWEEN_LOOKS = 100  # on an accelerator


class Diverged(ArithmeticError):
    """Training met a number that is not finite; the model holds the last good weights."""


class Watch:
    """Checks an epoch's losses and weights, and restores the last good weights if one is faulty.

    A loss is faulty if it is NaN, as it is after a step whose gradient is not finite, or if it is
    infinite and so is a site's log-probability. A parameter is faulty if it is NaN or infinite.

    Args:
        training: The state at the beginning of the epoch, or where it resumes from a checkpoint.
        step: The eager step, which leaves gradients that can be examined.
    """

    def __init__(self, training: TrainingState, step: Step) -> None:
        self._training, self._step = training, step
        self._good = snapshot(training.model)
        player = training.player
        self._good_player = None if player is None else player.snapshot()
        self._batch: tuple[Tensor, ...] | None = None
        self._due = 0
        self._no_loss = False

    def see(self, batch: tuple[Tensor, ...]) -> None:
        """Remembers the batch of the last step, and checks the losses now and then."""
        if len(batch[0]):
            self._batch = batch
        position = self._training.position
        # On the CPU a check is free; on an accelerator it waits for the queue to drain.
        if self._training.device.type == "cpu" or position.steps >= self._due:
            self._due = position.steps + STEPS_BETWEEN_LOOKS
            self._look(f"epoch {position.epoch}, step {position.steps}", closely=False)

    def look(self) -> None:
        """Checks losses and parameters: before they are written, and at the end of an epoch.

        Raises:
            Diverged: If one is faulty. The model then holds the last good weights.
        """
        self._look(f"epoch {self._training.position.epoch}", closely=True)

    def _look(self, when: str, *, closely: bool) -> None:
        training, batch = self._training, self._batch
        player, total = training.player, training.position.total
        if batch is None and training.ranks.size == 1:
            return
        losses = total.tolist() if total.dim() else [total.item()]
        fine = not any(map(math.isnan, losses))
        if fine and closely:
            own = [] if player is None else player.parameters
            fine = all(bool(p.isfinite().all()) for p in [*self._step.parameters, *own])
        if fine and not self._no_loss and any(map(math.isinf, losses)):
            fine = self._no_loss = self._sites_are_finite()
        if fine:
            return
        fault = None if batch is None else find_fault(training.model, self._step, batch)
        faults = [found for found in training.ranks.gather(fault) if found is not None]
        # The rank that holds the faulty data can say more than the others.
        fault = next((found for found in faults if found != NOT_FOUND), NOT_FOUND)
        restore(training.model, self._good)
        if player is not None and self._good_player is not None:
            player.restore(self._good_player)
        raise Diverged(
            f"training diverged in {when}: {fault}; the model has the weights from the start of "
            "the epoch, or from where training resumed in it. A smaller learning rate, clip_norm "
            "or a warm-up of beta may help"
        )

    def _sites_are_finite(self) -> bool:
        """Whether an infinite loss is only that of Pyro's objectives that have none.

        Nothing is moved by looking: no statistics of a normalisation, and no gradient.
        """
        training, batch = self._training, self._batch
        held = snapshot(training.model)
        found = None if batch is None else _faulty_site(training.model, batch)
        restore(training.model, held)
        return not any(training.ranks.gather(found is not None))


@torch.no_grad()
def find_fault(model: Any, step: Step, batch: tuple[Tensor, ...]) -> str:
    """Names the first parameter, site or gradient that is not finite, if it can be found."""
    named = list(model.named_parameters()) if isinstance(model, torch.nn.Module) else []
    player = step.gradients.player
    if player is not None:
        named += player.named_parameters()
    for name, parameter in named:
        if not parameter.isfinite().all():
            return f"parameter {name!r} is not finite"
    site = _faulty_site(model, batch)
    if site is not None:
        return site
    if all(p.grad is None or p.grad.isfinite().all() for _, p in named):
        # A compiled step leaves no gradients behind.
        with isolated(batch[0].device, seed=0), without_validation(), torch.enable_grad():
            step.gradients(step.parameters, batch)
    for name, parameter in named:
        if parameter.grad is not None and not parameter.grad.isfinite().all():
            return f"the gradient of parameter {name!r} is not finite, though every site is"
    if player is not None:
        return "the loss of the game against the adversary is not finite, though every site is"
    return NOT_FOUND


@torch.no_grad()
def _faulty_site(model: Any, batch: tuple[Tensor, ...]) -> str | None:
    """Names the first site whose value or log-probability is not finite."""
    # The random numbers of the failing step are lost. A fixed seed makes the message
    # reproducible.
    with isolated(batch[0].device, seed=0), without_validation():
        guide_trace = poutine.trace(model.guide).get_trace(*batch)
        model_trace = poutine.trace(poutine.replay(model.model, trace=guide_trace)).get_trace(
            *batch
        )
        for where, trace in (("guide", guide_trace), ("model", model_trace)):
            trace.compute_log_prob()
            for name, site in trace.nodes.items():
                if site["type"] != "sample":
                    continue
                if not observed_values(site["fn"], site["value"]).isfinite().all():
                    return f"the value of site {name!r} in the {where} is not finite"
                if not site["log_prob"].isfinite().all():
                    return f"the log-probability of site {name!r} in the {where} is not finite"
    return None
