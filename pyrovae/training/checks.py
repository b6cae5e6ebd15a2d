"""What is done before training begins, and when it goes wrong."""

from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from pyrovae.datasets.splits import Split
from pyrovae.distributions import observed_values
from pyrovae.nn.modes import evaluation_mode
from pyrovae.scope import isolated, without_validation
from pyrovae.training.step import Step

__all__ = ["Diverged", "find_fault", "make_first_call"]


class Diverged(ArithmeticError):
    """Training met a number that is not one; the model holds the last good weights."""


def make_first_call(objective: Any, model: Any, split: Split, device: torch.device) -> None:
    """Lets one of Pyro's estimators find out how deep the plates are nested.

    It does so at its first call, with draws of its own. Made ahead of training, the call leaves
    to training the same random numbers whether it begins or goes on.
    """
    with isolated(device, seed=0), evaluation_mode(model):
        batch = (value.to(device) for value in split.take(2))
        objective.loss_and_grads(model.model, model.guide, *batch)


@torch.no_grad()
def find_fault(model: Any, step: Step, batch: tuple[Tensor, ...]) -> str:
    """Names the parameter, site or gradient that is the first not to be finite, if it shows."""
    named = list(model.named_parameters()) if isinstance(model, torch.nn.Module) else []
    for name, parameter in named:
        if not parameter.isfinite().all():
            return f"parameter {name!r} is not finite"
    # Numbers cannot be got back, but the run after next would not be a fair witness: the same
    # seed every time makes the message reproducible.
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
    if all(p.grad is None or p.grad.isfinite().all() for _, p in named):
        # A compiled step leaves no gradients behind.
        with isolated(batch[0].device, seed=0), without_validation(), torch.enable_grad():
            step.gradients(step.parameters, batch)
    for name, parameter in named:
        if parameter.grad is not None and not parameter.grad.isfinite().all():
            return f"the gradient of parameter {name!r} is not finite, though every site is"
    return "the gradients are not finite, though every site is"
