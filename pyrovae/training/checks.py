"""What is looked at before training begins, and when it goes wrong."""

from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor
from torch.distributions import constraints

from pyrovae.datasets.splits import Split
from pyrovae.datasets.tensor_split import TensorSplit
from pyrovae.nn.modes import evaluation_mode
from pyrovae.scope import isolated

__all__ = ["Diverged", "check_support", "find_fault"]


class Diverged(ArithmeticError):
    """Training met a number that is not one; the model holds the last good weights."""


@torch.no_grad()
def check_support(model: Any, split: Split, device: torch.device) -> None:
    """Runs guide and model once and looks whether the data lie in the likelihood's support.

    Data in memory are looked at whole, others in their first batch.

    Raises:
        ValueError: If a value lies outside, or a shape does not fit.
    """
    with isolated(device, seed=0), evaluation_mode(model):
        for i, batch in enumerate(split.batches(1000, device=device)):
            if i == 0:
                sites = _observed(model, tuple(value[:2] for value in batch))
            for name, site in sites.items():
                _check_values(name, site, batch[0])
            if not isinstance(split, TensorSplit):
                break


def _observed(model: Any, batch: tuple[Tensor, ...]) -> dict[str, Any]:
    with pyro.validation_enabled(False):
        guide_trace = poutine.trace(model.guide).get_trace(*batch)
        program = poutine.replay(model.model, trace=guide_trace)
        model_trace = poutine.trace(program).get_trace(*batch)
    return {
        name: site
        for name, site in model_trace.nodes.items()
        # Only what the program observes of the data themselves can be checked on all of them.
        if site["type"] == "sample" and site["is_observed"] and site["value"] is batch[0]
    }


def _check_values(name: str, site: Any, x: Tensor) -> None:
    support = site["fn"].support
    if x.isnan().any():
        raise ValueError(f"site {name!r}: the data contain NaN")
    if not support.check(x).all():
        family = site["fn"]
        while isinstance(family, torch.distributions.Independent):
            family = family.base_dist
        raise ValueError(
            f"site {name!r}: {type(family).__name__} allows values in {_words(support)}, "
            f"but the data range from {x.min().item():g} to {x.max().item():g}"
        )


def _words(support: Any) -> str:
    if isinstance(support, constraints.independent):
        support = support.base_constraint
    if isinstance(support, constraints.interval):
        return f"[{float(support.lower_bound):g}, {float(support.upper_bound):g}]"
    return str(support)


@torch.no_grad()
def find_fault(model: Any, batch: tuple[Tensor, ...]) -> str:
    """Names the parameter or the site at which numbers stop being finite, as far as it shows."""
    named = model.named_parameters() if isinstance(model, torch.nn.Module) else ()
    for name, parameter in named:
        if not parameter.isfinite().all():
            return f"parameter {name!r} is not finite"
    # Numbers cannot be got back, but the run after next would not be a fair witness: the same
    # seed every time makes the message reproducible.
    with isolated(batch[0].device, seed=0), pyro.validation_enabled(False):
        guide_trace = poutine.trace(model.guide).get_trace(*batch)
        model_trace = poutine.trace(poutine.replay(model.model, trace=guide_trace)).get_trace(
            *batch
        )
        for where, trace in (("guide", guide_trace), ("model", model_trace)):
            trace.compute_log_prob()
            for name, site in trace.nodes.items():
                if site["type"] != "sample":
                    continue
                if not site["value"].isfinite().all():
                    return f"the value of site {name!r} in the {where} is not finite"
                if not site["log_prob"].isfinite().all():
                    return f"the log-probability of site {name!r} in the {where} is not finite"
    return "the gradients are not finite, though every site is"
